"""What runs on a worker: one job in, one result out; the study's evaluator is kept between jobs."""

import json
import math
import os
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["measure", "test"]


@dataclass(frozen=True)
class Job:
    """A frozen order to a worker: measure an assignment's finetune, or score its checkpoint on the test corpus.

    ``assignment`` is JSON, ``study`` the study file's path; a worker never sees a storage handle.
    """

    number: int
    kind: Kind
    study: str
    assignment: str


@dataclass(frozen=True)
class Outcome:
    """What became of a job: a result, or a failure's kind, one line about it and its traceback."""

    job: Job
    result: dict[str, Any] | None
    failure: str | None = None
    message: str = ""
    trace: str = ""


_evaluators: dict[str, Any] = {}


def run(job: Job) -> Outcome:
    """Do a job; whatever goes wrong inside comes back as the outcome's failure."""
    from evaluators.optimise import DivergedError
    from spaces import UserError

    try:
        return Outcome(job, _measure(job) if job.kind == "measure" else _test(job))
    except DivergedError as error:
        return _failed(job, "diverged", error)
    except UserError as error:
        return _failed(job, "input", error)
    except MemoryError as error:
        return _failed(job, "out_of_memory", error)
    except OSError as error:
        return _failed(job, "storage", error)
    except Exception as error:  # a bug in a candidate must not take the study with it
        kind = "out_of_memory" if type(error).__name__ == "OutOfMemoryError" else "error"
        return _failed(job, kind, error)


def _failed(job: Job, kind: str, error: BaseException) -> Outcome:
    message = (str(error).splitlines() or [type(error).__name__])[0]
    return Outcome(job, None, kind, message, traceback.format_exc())


def _measure(job: Job) -> dict[str, Any]:
    from evaluators.corpora import fingerprint
    from evaluators.packed import save_packed
    from search.member import checkpoint_path, result_path
    from spaces import Assignment

    file, evaluator = study_evaluator(job.study)
    assignment = Assignment.from_json(job.assignment, file.architecture)
    measured = evaluator.measure(assignment)
    low, high = measured.errors.interval()
    checkpoint = checkpoint_path(file, assignment)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    save_packed(measured.tensors, checkpoint)
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


def _test(job: Job) -> dict[str, Any]:
    from evaluators.evaluator import load_corpus
    from evaluators.hubert import read_tensors
    from search.member import checkpoint_path
    from spaces import Assignment

    file, evaluator = study_evaluator(job.study)
    assignment = Assignment.from_json(job.assignment, file.architecture)
    assert file.corpora.test is not None
    corpus = load_corpus(file.corpora.test)
    errors = evaluator.score(read_tensors(checkpoint_path(file, assignment)), assignment, corpus)
    low, high = errors.interval()
    return {
        "wer": errors.wer, "wer_low": low, "wer_high": high, "errors": list(errors.errors), "words": list(errors.words)
    }  # fmt: skip


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
            file.finetune,
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
