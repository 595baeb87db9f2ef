"""What runs on a worker: one job in, one outcome out."""

import errno
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from evaluators.errors import DivergedError
from evaluators.files import passing
from search import failures
from search.running.job import (
    Job,
    MeasureJob,
    Outcome,
    RecipeJob,
    ScoreJob,
    SensitivityJob,
    TimeLimitError,
)
from spaces import UserError


def prepare(job: Job) -> None:
    """Load what a job works with, before its time counts; what goes wrong is told by the job itself."""
    if isinstance(job, MeasureJob | ScoreJob | SensitivityJob):
        from search.running.cache import study_evaluator

        with suppress(Exception):
            study_evaluator(job.study)[1].warm_up()


def run(job: Job) -> Outcome:
    """Do a job; whatever goes wrong inside comes back as the outcome's failure."""
    return attempt(job, _do)


def _do(job: Job) -> dict[str, Any]:
    # torch is loaded here, in the worker: the driver does without
    match job:
        case MeasureJob():
            from search.running.tasks.measure import measure

            return measure(job)
        case ScoreJob():
            from search.running.tasks.measure import score

            return score(job)
        case SensitivityJob():
            from search.running.tasks.sensitivity import sensitivity

            return sensitivity(job)
        case RecipeJob():
            from search.running.tasks.recipe import train_row

            return train_row(job)
    raise TypeError(f"no task does a {type(job).__name__}")


def attempt(job: Job, work: Callable[[Job], dict[str, Any]]) -> Outcome:
    """What some work made of a job, its exceptions sorted by kind."""
    try:
        return Outcome(job, work(job))
    except DivergedError as error:
        return _failed(job, failures.DIVERGED, error)
    except UserError as error:
        return _failed(job, failures.INPUT, error)
    except MemoryError as error:
        return _failed(job, failures.OUT_OF_MEMORY, error)
    except TimeLimitError as error:
        return _failed(job, failures.TIME_LIMIT, error)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        kind = failures.HICCUP if passing(error) else failures.STORAGE
        return _failed(job, failures.DISK_FULL if full else kind, error)
    except Exception as error:  # a bug in a candidate must not take the study with it
        # torch's own out of memory, by name so as not to load torch; safetensors tells a full disk in words
        full = "No space left on device" in str(error)
        kind = failures.DISK_FULL if full else failures.ERROR
        kind = failures.OUT_OF_MEMORY if type(error).__name__ == "OutOfMemoryError" else kind
        return _failed(job, kind, error)


def _failed(job: Job, kind: str, error: BaseException) -> Outcome:
    message = (str(error).splitlines() or [type(error).__name__])[0]
    return Outcome(job, None, kind, message, traceback.format_exc())
