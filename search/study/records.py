"""The Optuna study as the only truth: opening it, and reading its candidates."""

import json
import logging
import math
import os
import re
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import optuna
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from evaluators.costs.runtime import runtime
from evaluators.costs.storage import storage_bytes
from evaluators.error_rate import MEASURES, OTHER, rate
from search.study.candidate import Candidate, candidate_name, row_name
from search.study.inputs import inputs, other_input
from search.study.layout import database_path, result_path
from search.study.study_file import StudyFile
from spaces import Assignment, UserError

SIGNATURE = "hubits:signature"
INPUTS = "hubits:inputs"  # hashes of the model, the supernet and the manifests that were measured with
WORDS = "hubits:words"  # words of every development utterance, once for the study
CHARACTERS = "hubits:characters"  # and characters
FINGERPRINT = "hubits:fingerprint"  # of speech and arithmetic: scores of another one cannot be compared
TEST = "hubits:test:"  # and a digest: that candidate's score on the test corpus
COPYING = "hubits:copying"  # true until a copy is whole
_PAUSES = (1.0, 5.0, 15.0, 30.0, 60.0)  # seconds between attempts to reach a database that is away
_log = logging.getLogger("hubits.database")
_LOCK_SECONDS = 120  # how long a database that somebody else has locked is waited for

optuna.logging.set_verbosity(optuna.logging.WARNING)


def database_url(file: StudyFile) -> str:
    """The study's Optuna storage, with what it takes from the environment.

    Raises:
        UserError: if that is not set.
    """
    return f"sqlite:///{database_path(file)}" if file.search.storage is None else filled(file.search.storage)


def filled(url: str) -> str:
    """A URL with each ``${NAME}`` from the environment, quoted as URLs want it unless it is the whole of it.

    Raises:
        UserError: if one is not set.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise UserError(f"search.storage: {found[0]} is not set in the environment")
        return os.environ[found[1]] if found[0] == url else quote(os.environ[found[1]], safe="")

    return re.sub(r"\$\{(\w+)\}", value, url)


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
        found, whole = study.user_attrs.get(SIGNATURE), not study.user_attrs.get(COPYING)
    except KeyError:
        raise UserError(f"{file.path}: nothing measured yet; start with `hubits search {file.path.name}`") from None
    except Exception as error:
        if not is_database_error(error):
            raise
        raise unreachable(database_url(file), error) from None
    if not whole:
        raise UserError(f"{shown(database_url(file))}: {file.study_name!r} is half a copy; run `hubits copy` again")
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
    try:
        return RDBStorage(
            url, engine_kwargs=engine_options(url), skip_compatibility_check=existing, skip_table_creation=existing
        )
    except (ValueError, ImportError) as error:  # a port that is no number, a driver that is not installed
        raise unreachable(url, error) from None


def engine_options(url: str) -> dict[str, Any]:
    """How a database is connected to: SQLite waits for locks, a server's connections are looked at before use."""
    return {"connect_args": {"timeout": _LOCK_SECONDS}} if url.startswith("sqlite") else {"pool_pre_ping": True}


def is_database_error(error: Exception) -> bool:
    """Whether an exception is of Optuna's storage or of the engine under it."""
    return type(error).__module__.split(".")[0] in ("sqlalchemy", "optuna")


def unreachable(url: str, error: Exception) -> UserError:
    """What to say of a database that cannot be opened."""
    return UserError(f"{shown(url)}: cannot be opened ({_first_line(error)})")


def unwritable(url: str, error: Exception) -> UserError:
    """What to say of a database that fails in the middle of a search."""
    return UserError(f"{shown(url)}: {_first_line(error)}; what was measured is kept, the same command goes on")


def _first_line(error: Exception) -> str:
    """What the engine said, where Optuna wraps it."""
    said = str(error.__cause__ or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def patiently(write: Callable[[], Any]) -> Any:
    """Write to a database; one that is away for a moment, as after a restart, is waited for: two minutes in all."""
    for pause in _PAUSES:
        try:
            return write()
        except optuna.exceptions.UpdateFinishedTrialError:
            if pause == _PAUSES[0]:
                raise
            return None  # it was written before its connection broke
        except Exception as error:
            if not _away(error):
                raise
            _log.warning("the database is away, tried again in %g s: %s", pause, _first_line(error))
            time.sleep(pause)
    return write()


def _away(error: Exception) -> bool:
    from sqlalchemy.exc import InterfaceError, OperationalError

    said = str(error.__cause__ or error)
    return isinstance(error.__cause__ or error, InterfaceError | OperationalError) and not any(
        lasting in said for lasting in ("disk is full", "No space left", "readonly", "read-only")
    )


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
        study = optuna.create_study(
            storage=storage, study_name=file.study_name, directions=["minimize"] * 3, load_if_exists=True
        )
        names = [f"{MEASURES[file.search.error]} %", "storage MB", "runtime"]  # for Optuna's dashboard
        if study.metric_names != names:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names(names)
        return study
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
    units = {"words": attributes.get(WORDS, ()), "characters": attributes.get(CHARACTERS, ())}
    measure = file.search.error
    baselines = set(file.uniform.values())
    seen: dict[Assignment, Candidate] = {}
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        if trial.values is None or "result" not in trial.user_attrs:
            continue  # a repetition of an earlier trial, or somebody else's
        assignment = trial_assignment(file, trial)
        if assignment in seen:
            continue
        row = row_name(file, assignment)
        result = trial.user_attrs["result"]
        error, storage_mb, runtime_share = trial.values
        own = rate({measure: error, **result, **units}, measure)
        seen[assignment] = Candidate(
            name=candidate_name(file, assignment), number=trial.number, measure=measure,
            error=error, error_low=own.low, error_high=own.high, beside=result.get(OTHER[measure]),
            loss=result["ctc"] + result["divergence"], storage_mb=storage_mb,
            runtime=runtime_share, mean_bits=assignment.mean_bits(file.architecture), uniform=row is not None,
            baseline=assignment in baselines,
            assignment=assignment, errors=own.counts.errors, units=own.counts.units,
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
    return result if whole and math.isfinite(result.get(file.search.error, math.nan)) else None
