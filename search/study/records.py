"""The Optuna study as the only truth: opening it, and reading its candidates."""

import json
import math
from contextlib import suppress
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from evaluators.costs.runtime import runtime
from evaluators.costs.storage import storage_bytes
from search.study.candidate import Candidate
from search.study.inputs import inputs, other_input
from search.study.layout import database_path, result_path
from search.study.study_file import StudyFile
from spaces import Assignment, UserError

SIGNATURE = "hubits:signature"
INPUTS = "hubits:inputs"  # hashes of the model, the supernet and the manifests that were measured with
WORDS = "hubits:words"  # words of every development utterance, once for the study
FINGERPRINT = "hubits:fingerprint"  # of speech and arithmetic: scores of another one cannot be compared
TEST = "hubits:test:"  # and a digest: that candidate's score on the test corpus
_LOCK_SECONDS = 120  # how long a database that somebody else has locked is waited for

optuna.logging.set_verbosity(optuna.logging.WARNING)


def database_url(file: StudyFile) -> str:
    """The study's Optuna storage."""
    return file.search.storage or f"sqlite:///{database_path(file)}"


def open_study(file: StudyFile, *, create: bool) -> Study:
    """Open a study's Optuna study, or make it.

    Raises:
        UserError: if there is none and it shall not be made, or if it holds results of another search space.
    """
    if not file.search.storage:
        if not create and not database_path(file).exists():
            raise UserError(f"{file.path}: nothing measured yet; start with `hubits search {file.path.name}`")
        file.folder.mkdir(parents=True, exist_ok=True)
    try:
        study = _load(file, create)
        found = study.user_attrs.get(SIGNATURE)
    except KeyError:
        raise UserError(f"{file.path}: nothing measured yet; start with `hubits search {file.path.name}`") from None
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("sqlalchemy", "optuna"):
            raise
        raise unreachable(database_url(file), error) from None
    if found is None and create:
        study.set_user_attr(SIGNATURE, file.signature)
    elif found != file.signature:
        raise UserError(
            f"{file.folder}: holds results of another search space, finetune or corpus than {file.path.name}'s; "
            "give the changed study a name and a file of its own"
        )
    _same_inputs(file, study, create)
    return study


def _same_inputs(file: StudyFile, study: Study, create: bool) -> None:
    """Refuse what was measured with another model or other speech under the same paths."""
    then, now = study.user_attrs.get(INPUTS, {}), inputs(file)
    if (key := other_input(then, now)) is not None:
        raise UserError(
            f"{file.folder}: holds results of another {key} than lies there now; put the former one back, or give the "
            "changed study a name and a file of its own"
        )
    if create and now.keys() - then.keys():
        study.set_user_attr(INPUTS, now | then)


def connect(url: str, *, existing: bool = False) -> RDBStorage:
    """A database of Optuna studies; one that somebody else has locked is waited for.

    An existing one needs neither its schema made nor its version compared: that halves the start of front and pick.
    """
    return RDBStorage(
        url, engine_kwargs=engine_options(url), skip_compatibility_check=existing, skip_table_creation=existing
    )


def engine_options(url: str) -> dict[str, Any]:
    """How a database is connected to: SQLite waits for locks, a server's connections are looked at before use."""
    return {"connect_args": {"timeout": _LOCK_SECONDS}} if url.startswith("sqlite") else {"pool_pre_ping": True}


def unreachable(url: str, error: Exception) -> UserError:
    """What to say of a database that cannot be opened."""
    return UserError(f"{shown(url)}: cannot be opened ({str(error).splitlines()[0]})")


def shown(url: str) -> str:
    """A database's URL as it may be printed: without its password, or its kind alone where it cannot be read."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    with suppress(ArgumentError, ValueError):
        return make_url(url).render_as_string(hide_password=True)
    return url.partition(":")[0]


def _load(file: StudyFile, create: bool) -> Study:
    storage = connect(database_url(file), existing=not create)
    if create:
        return optuna.create_study(
            storage=storage, study_name=file.study_name, directions=["minimize"] * 3, load_if_exists=True
        )
    return optuna.load_study(storage=storage, study_name=file.study_name)


def costs(file: StudyFile, assignment: Assignment) -> tuple[float, float]:
    """Storage in MB and estimated runtime: arithmetic, known before anything is trained."""
    size = storage_bytes(file.architecture, assignment) / 1e6
    return size, runtime(file.architecture, assignment, file.search.runtime)


def trial_assignment(file: StudyFile, trial: FrozenTrial) -> Assignment:
    """The assignment that a trial's parameters stand for."""
    return file.search_space.decode(trial.params)


def candidates(file: StudyFile, study: Study) -> list[Candidate]:
    """Every measured candidate, uniform ones first, once each."""
    attributes = study.user_attrs
    words = tuple(attributes.get(WORDS, ()))
    names = {assignment: name for name, assignment in file.uniform.items()}
    seen: dict[Assignment, Candidate] = {}
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        if trial.values is None or "result" not in trial.user_attrs:
            continue  # a repetition of an earlier trial, or somebody else's
        assignment = trial_assignment(file, trial)
        if assignment in seen:
            continue
        row = names.get(assignment) or file.search_space.rows.name(assignment)
        result = trial.user_attrs["result"]
        wer, storage_mb, runtime_share = trial.values
        seen[assignment] = Candidate(
            name=row or f"mixed-{assignment.digest[:6]}", number=trial.number, wer=wer,
            wer_low=result["wer_low"], wer_high=result["wer_high"],
            loss=result["ctc"] + result["divergence"], storage_mb=storage_mb,
            runtime=runtime_share, mean_bits=assignment.mean_bits(file.architecture), uniform=row is not None,
            baseline=assignment in names,
            assignment=assignment, errors=tuple(result["errors"]), words=words,
            seconds=sum(result["seconds"].values()), test=attributes.get(TEST + assignment.digest),
        )  # fmt: skip
    return sorted(seen.values(), key=lambda m: (not m.uniform, m.storage_mb))


def read_result(file: StudyFile, assignment: Assignment) -> dict[str, Any] | None:
    """A result that a worker left, or None where there is none or it is torn."""
    try:
        result = json.loads(result_path(file, assignment.digest).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    whole = isinstance(result, dict) and result.get("digest") == assignment.digest and "errors" in result
    return result if whole and math.isfinite(result.get("wer", math.nan)) else None
