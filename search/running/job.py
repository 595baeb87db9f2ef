"""Jobs: one dataclass for each kind of order to a worker, which never sees a storage handle, and what comes back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from search.study.recipe_rows import Row
from search.study.study_file import Fidelity
from spaces import Assignment


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every order says.

    Attributes:
        number: of the trial, for its result file; else any that tells jobs under way apart.
        study: the study file as it was when the driver read it, as ``StudyFile.shipped``.
        accumulation: in how many parts each batch is worked through.
        room: how many workers' share of the machine it is given.
        minutes: after which it is stopped.
    """

    number: int
    study: str
    accumulation: int = 1
    room: int = 1
    minutes: float | None = None


@dataclass(frozen=True, kw_only=True)
class MeasureJob(Job):
    """Measure an assignment's finetune at a fidelity."""

    assignment: Assignment
    fidelity: Fidelity = "short"


@dataclass(frozen=True, kw_only=True)
class ScoreJob(Job):
    """Score an assignment's packed checkpoint on the test corpora."""

    assignment: Assignment
    fidelity: Fidelity = "short"


@dataclass(frozen=True, kw_only=True)
class SensitivityJob(Job):
    """Measure what each rung of some choices costs on its own, in divergence or in WER points."""

    names: tuple[str, ...]
    wer: bool = False


@dataclass(frozen=True, kw_only=True)
class RecipeJob(Job):
    """Train a row of the recipes' comparison."""

    row: Row


@dataclass(frozen=True)
class Outcome:
    """What became of a job: a result, or a failure's kind, one line about it and its traceback."""

    job: Job
    result: dict[str, Any] | None
    failure: str | None = None
    message: str = ""
    trace: str = ""


Work = Callable[[Job], Outcome]


class TimeLimitError(RuntimeError):
    """The trial took longer than it may."""
