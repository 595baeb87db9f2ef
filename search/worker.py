"""What runs on a worker: one job in, one result out; the study's evaluator is kept between jobs."""

import errno
import json
import math
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from evaluators.settings import CorpusSettings
    from search.study_file import Fidelity

Kind = Literal["measure", "test", "sensitivity", "recipe"]
Work = Callable[["Job"], "Outcome"]


@dataclass(frozen=True)
class Job:
    """A frozen order to a worker; a worker never sees a storage handle.

    Attributes:
        number: of the trial, for its result file.
        kind: measure an assignment's finetune, score its checkpoint on the test corpus, measure the sensitivities, or
            train a row of the recipes' comparison.
        study: the study file's path.
        assignment: as JSON.
        fidelity: of the finetune.
        accumulation: in how many parts each batch is worked through.
        room: how many workers' share of the machine it is given.
        minutes: after which it is stopped.
        row: of the recipes' comparison, as JSON.
    """

    number: int
    kind: Kind
    study: str
    assignment: str = "{}"
    fidelity: "Fidelity" = "short"
    accumulation: int = 1
    room: int = 1
    minutes: float | None = None
    row: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a job: a result, or a failure's kind, one line about it and its traceback."""

    job: Job
    result: dict[str, Any] | None
    failure: str | None = None
    message: str = ""
    trace: str = ""


class TimeLimitError(RuntimeError):
    """The trial took longer than it may."""


_evaluators: dict[str, Any] = {}


def run(job: Job) -> Outcome:
    """Do a job; whatever goes wrong inside comes back as the outcome's failure."""
    return attempt(job, {"measure": _measure, "test": _test, "sensitivity": _sensitivity, "recipe": _recipe}[job.kind])


def attempt(job: Job, work: Callable[[Job], dict[str, Any]]) -> Outcome:
    """What some work made of a job, its exceptions sorted by kind."""
    from evaluators.errors import DivergedError
    from spaces import UserError

    try:
        return Outcome(job, work(job))
    except DivergedError as error:
        return _failed(job, "diverged", error)
    except UserError as error:
        return _failed(job, "input", error)
    except MemoryError as error:
        return _failed(job, "out_of_memory", error)
    except TimeLimitError as error:
        return _failed(job, "time_limit", error)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return _failed(job, "disk_full" if full else "storage", error)
    except Exception as error:  # a bug in a candidate must not take the study with it
        # torch's own out of memory, by name so as not to load torch; safetensors tells a full disk in words
        full = "No space left on device" in str(error)
        kind = "out_of_memory" if type(error).__name__ == "OutOfMemoryError" else "disk_full" if full else "error"
        return _failed(job, kind, error)


def _failed(job: Job, kind: str, error: BaseException) -> Outcome:
    message = (str(error).splitlines() or [type(error).__name__])[0]
    return Outcome(job, None, kind, message, traceback.format_exc())


def _measure(job: Job) -> dict[str, Any]:
    from evaluators.corpora import fingerprint
    from evaluators.hubert import save_half
    from evaluators.packed import save_packed
    from evaluators.storage import head_path
    from search.member import checkpoint_path, result_path
    from spaces import Assignment

    base, evaluator = study_evaluator(job.study)
    file = base.at(job.fidelity)
    assignment = Assignment.from_json(job.assignment, file.architecture)
    measured = evaluator.measure(assignment, file.finetune, job.accumulation, _watch(job))
    low, high = measured.errors.interval()
    checkpoint = checkpoint_path(file, assignment.digest)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    save_packed(measured.tensors, checkpoint)
    if measured.head is not None:
        save_half(measured.head, head_path(checkpoint), {"format": "pt"})
    result = {
        "digest": assignment.digest,
        "wer": measured.errors.wer,
        "wer_low": low,
        "wer_high": high,
        "errors": list(measured.errors.errors),
        "words": list(measured.errors.words),
        "steps": measured.steps,
        "seconds": {stage: round(s, 3) for stage, s in measured.seconds.items()},
        "fingerprint": fingerprint(evaluator.dev),
    }
    if not math.isfinite(result["wer"]):
        raise ArithmeticError("the WER is not a finite number")
    write_json(result, result_path(file, job.number))
    return result


def _watch(job: Job) -> Callable[[int, float], None]:
    """What a training calls after every step, so that it stops when its time is over."""
    started = time.monotonic()

    def on_step(step: int, _loss: float) -> None:
        if job.minutes is not None and time.monotonic() - started > 60 * job.minutes:
            raise TimeLimitError(f"over search.minutes_per_trial = {job.minutes:g} after {step} steps")

    return on_step


def _test(job: Job) -> dict[str, Any]:
    from evaluators.evaluator import load_corpus
    from evaluators.hubert import read_tensors
    from evaluators.storage import head_path
    from search.member import checkpoint_path
    from spaces import Assignment

    base, evaluator = study_evaluator(job.study)
    file = base.at(job.fidelity)
    assignment = Assignment.from_json(job.assignment, file.architecture)
    checkpoint = checkpoint_path(file, assignment.digest)
    tensors, head = read_tensors(checkpoint), head_path(checkpoint) if file.superb is not None else None

    def scored(corpus: "CorpusSettings") -> dict[str, Any]:
        errors = evaluator.score(tensors, assignment, load_corpus(corpus), head)
        low, high = errors.interval()
        return {"wer": errors.wer, "wer_low": low, "wer_high": high,
                "errors": list(errors.errors), "words": list(errors.words)}  # fmt: skip

    assert file.corpora.test is not None
    found = scored(file.corpora.test)
    if file.corpora.test_other is not None:
        found["other"] = scored(file.corpora.test_other)
    return found


def _sensitivity(job: Job) -> dict[str, Any]:
    from search.sensitivity import measure_sensitivity

    file, _ = study_evaluator(job.study)
    return {"table": measure_sensitivity(file, lambda *_: None)}


def _recipe(job: Job) -> dict[str, Any]:
    from search.recipes import Row, measure_row

    return measure_row(job.study, Row(**json.loads(job.row)), job.accumulation, _watch(job))


def study_evaluator(study: str) -> tuple[Any, Any]:
    """The study file and its evaluator, loaded once a process."""
    if study not in _evaluators:
        import torch

        from evaluators.evaluator import Evaluator
        from search.study_file import StudyFile

        file = StudyFile.load(Path(study))
        torch.set_num_threads(max(1, int(file.search.cpus_per_trial)))
        evaluator = Evaluator(
            file.model.folder, file.model.supernet, file.search_space.layers, file.corpora.train, file.corpora.dev,
            file.finetune, file.superb,
        )  # fmt: skip
        _evaluators[study] = (file, evaluator)
    file, evaluator = _evaluators[study]
    return file, evaluator


def write_json(value: dict[str, Any], path: Path) -> None:
    """Write a JSON file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("w", encoding="utf-8") as stream:
        json.dump(value, stream)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
