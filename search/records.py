"""The Optuna study as the only truth: opening it, what a trial's attributes mean, reading its members."""

import json
import math
from collections.abc import Iterator
from typing import Any

import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from evaluators.runtime import runtime
from evaluators.storage import storage_bytes
from search.member import Member, result_path
from search.study_file import StudyFile
from spaces import Assignment, UserError

INTERRUPTED = "interrupted"  # the failure of a trial that a driver left running
_SIGNATURE = "hubits:signature"
_WORDS = "hubits:words"
_TEST = "hubits:test:"

optuna.logging.set_verbosity(optuna.logging.WARNING)


def database_url(file: StudyFile) -> str:
    """The study's Optuna storage."""
    return file.search.storage or f"sqlite:///{file.folder / 'study.db'}"


def open_study(file: StudyFile, *, create: bool) -> Study:
    """Open a study's Optuna study, or make it.

    Raises:
        UserError: if there is none and it shall not be made, or if it holds results of another search space.
    """
    if not file.search.storage:
        if not create and not (file.folder / "study.db").exists():
            raise UserError(f"{file.path}: nothing measured yet; start with `hubits search {file.path.name}`")
        file.folder.mkdir(parents=True, exist_ok=True)
    try:
        study = _load(file, create)
        found = study.user_attrs.get(_SIGNATURE)
    except KeyError:
        raise UserError(f"{file.path}: nothing measured yet; start with `hubits search {file.path.name}`") from None
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("sqlalchemy", "optuna"):
            raise
        raise UserError(f"{database_url(file)}: cannot be opened ({str(error).splitlines()[0]})") from None
    if found is None and create:
        study.set_user_attr(_SIGNATURE, file.signature)
    elif found != file.signature:
        raise UserError(
            f"{file.folder}: holds results of another search space, finetune or corpus than {file.path.name}'s; "
            "give the changed study a name and a file of its own"
        )
    return study


def _load(file: StudyFile, create: bool) -> Study:
    if create:
        return optuna.create_study(
            storage=database_url(file), study_name=file.name, directions=["minimize"] * 3, load_if_exists=True
        )
    # reading needs neither the schema made nor its version compared: that halves the start of front and pick
    reader = optuna.storages.RDBStorage(database_url(file), skip_compatibility_check=True, skip_table_creation=True)
    return optuna.load_study(storage=reader, study_name=file.name)


def costs(file: StudyFile, assignment: Assignment) -> tuple[float, float]:
    """Storage in MB and estimated runtime: arithmetic, known before anything is trained."""
    size = storage_bytes(file.architecture, assignment) / 1e6
    return size, runtime(file.architecture, assignment, file.search.runtime)


def trial_assignment(file: StudyFile, trial: FrozenTrial) -> Assignment:
    """The assignment that a trial's parameters stand for."""
    return file.search_space.decode(trial.params)


def result_attributes(result: dict[str, Any]) -> dict[str, Any]:
    """What of a worker's result goes on the Optuna trial."""
    return {key: result[key] for key in ("wer_low", "wer_high", "errors", "seconds", "steps", "fingerprint")}


def set_words(study: Study, words: list[int]) -> None:
    """Keep the development corpus' words an utterance once for the study."""
    if _WORDS not in study.user_attrs:
        study.set_user_attr(_WORDS, words)


def set_test(study: Study, assignment: Assignment, result: dict[str, Any]) -> None:
    """Keep a member's score on the test corpus."""
    study.set_user_attr(_TEST + assignment.digest, result)


def members(file: StudyFile, study: Study) -> list[Member]:
    """Every measured candidate, uniform ones first, once each."""
    attributes = study.user_attrs
    words = tuple(attributes.get(_WORDS, ()))
    seen: dict[Assignment, Member] = {}
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        assignment = trial_assignment(file, trial)
        if assignment in seen or trial.values is None:
            continue
        uniform = file.uniform_name(assignment)
        wer, storage_mb, runtime_share = trial.values
        seen[assignment] = Member(
            name=uniform or f"mixed-{assignment.digest[:6]}", number=trial.number, wer=wer,
            wer_low=trial.user_attrs["wer_low"], wer_high=trial.user_attrs["wer_high"], storage_mb=storage_mb,
            runtime=runtime_share, mean_bits=assignment.mean_bits(file.architecture), uniform=uniform is not None,
            assignment=assignment, errors=tuple(trial.user_attrs["errors"]), words=words,
            seconds=sum(trial.user_attrs["seconds"].values()), test=attributes.get(_TEST + assignment.digest),
        )  # fmt: skip
    return sorted(seen.values(), key=lambda m: (not m.uniform, m.storage_mb))


def read_result(file: StudyFile, number: int, assignment: Assignment) -> dict[str, Any] | None:
    """A result that a worker left, or None where there is none, it is torn, or it is another assignment's."""
    try:
        result = json.loads(result_path(file, number).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(result, dict) and result.get("digest") == assignment.digest and "errors" in result
    return result if whole and math.isfinite(result.get("wer", math.nan)) else None


def left_running(study: Study) -> Iterator[FrozenTrial]:
    """Trials that a driver left RUNNING when it died."""
    yield from study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
