"""A simulated evaluator for studies that are about everything but the measuring, with faults to order."""

import errno
import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evaluators.error_rate import ErrorCounts, Errors, recorded
from evaluators.errors import DivergedError
from evaluators.files import write_json
from search.running.job import Job, MeasureJob, Outcome, ScoreJob
from search.running.worker import attempt
from search.study.layout import checkpoint_path, result_path
from search.study.study_file import StudyFile
from spaces import Assignment

WORDS = [10] * 20
FAULTS = ("signal", "exception", "memory", "cuda", "nan", "slow", "disk_full", "torn", "stale")
RECOVERED = frozenset({"signal", "memory", "cuda", "torn", "stale"})  # after these the same trial goes on to a result


class OutOfMemoryError(RuntimeError):
    """Bears the name of torch's own, which needs no GPU to be raised."""


@dataclass(frozen=True)
class Simulation:
    """Work for an executor: a WER that falls with the bits, after whatever faults are scripted or drawn.

    Attributes:
        log: a folder; every attempt leaves a file there, with what became of it.
        script: trial number -> faults of its first attempts.
        odds: chance of a random fault an attempt.
        poison: candidates whose digest begins so kill every worker that tries them.
        seconds: times of a trial to draw from.
        gate: a file without which trials wait, from trial ``held_from`` on; ``NUMBER.held`` in the log says which.
    """

    log: Path
    script: Mapping[int, Sequence[str]] = field(default_factory=dict)
    odds: float = 0.0
    poison: str = ""
    seconds: tuple[float, ...] = (0.0,)
    gate: Path | None = None
    held_from: int = 0

    def __call__(self, job: Job) -> Outcome:
        """Do a job, or fail at it."""
        return attempt(job, self._work)

    def _work(self, job: Job) -> dict[str, Any]:
        if not isinstance(job, MeasureJob | ScoreJob):
            raise NotImplementedError("a simulation measures and scores, nothing else")
        file = _study(job.study).at(job.fidelity)
        rng = np.random.default_rng(int.from_bytes(os.urandom(8)))
        time.sleep(float(rng.choice(self.seconds)))
        self._wait(job)
        assignment = job.assignment
        if isinstance(job, MeasureJob) and (fault := self._fault(job, rng)):
            self._note(job, fault)
            self._suffer(fault, file, job)
        result = simulated_result(assignment)
        if isinstance(job, MeasureJob):
            checkpoint = checkpoint_path(file, assignment.digest)
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            checkpoint.touch()
            write_json(result, result_path(file, job.assignment.digest))
            self._note(job, "measured")
        return result

    def _wait(self, job: MeasureJob | ScoreJob) -> None:
        if self.gate is None or job.number < self.held_from:
            return
        if isinstance(job, MeasureJob):
            self.log.mkdir(parents=True, exist_ok=True)
            (self.log / f"{job.number}.held").touch()
        while not self.gate.exists():
            time.sleep(0.02)

    def _fault(self, job: MeasureJob, rng: np.random.Generator) -> str | None:
        before = len(list(self.log.glob(f"{job.number}-*")))
        scripted = self.script.get(job.number, ())
        if before < len(scripted):
            return scripted[before]
        if self.poison and job.assignment.digest.startswith(self.poison):
            return "poison"
        return str(rng.choice(FAULTS)) if rng.random() < self.odds else None

    def _note(self, job: MeasureJob, what: str) -> None:
        self.log.mkdir(parents=True, exist_ok=True)
        entry = {
            "number": job.number,
            "what": what,
            "assignment": job.assignment.to_json(),
            "job": [job.accumulation, job.room],
        }
        path = self.log / f"{job.number}-{time.time_ns()}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(entry))
        part.replace(path)  # whoever counts the notes meanwhile reads whole ones

    def _suffer(self, fault: str, file: StudyFile, job: MeasureJob) -> None:
        if fault in ("signal", "poison"):
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "torn":
            path = result_path(file, job.assignment.digest)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('{"wer": 1')
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "slow":
            time.sleep(3600)
        raise {
            "exception": RuntimeError("a bug"),
            "memory": MemoryError("no memory"),
            "cuda": OutOfMemoryError("CUDA out of memory"),
            "nan": DivergedError("the loss is nan"),
            "disk_full": OSError(errno.ENOSPC, "No space left on device"),
            "stale": OSError(errno.ESTALE, "Stale file handle"),
        }[fault]


def simulated_result(assignment: Assignment) -> dict[str, Any]:
    """A result whose WER falls with the bits, a little differently for every assignment."""
    low = sum(1.0 / p.weight.bits + 1.0 / p.activation.bits for p in assignment.values())
    errors = [min(9, 1 + int(low / 4) + (int(assignment.digest[i % 12], 16) % 2)) for i in range(len(WORDS))]
    wer = 100.0 * sum(errors) / sum(WORDS)
    characters = ErrorCounts(tuple(2 * e for e in errors), tuple(5 * w for w in WORDS))
    return {
        **recorded(Errors(ErrorCounts(tuple(errors), tuple(WORDS)), characters)),
        "digest": assignment.digest, "wer_low": wer - 1, "wer_high": wer + 1,
        "ctc": wer / 40, "divergence": wer / 60, "steps": 1,
        "seconds": {"finetune": 0.1}, "fingerprint": "simulated",
    }  # fmt: skip


def notes(log: Path) -> list[dict[str, Any]]:
    """Every attempt that was noted, in order."""
    found = sorted(log.glob("*.json"), key=lambda p: int(p.stem.split("-")[1])) if log.exists() else []
    return [json.loads(p.read_text()) for p in found]


_studies: dict[str, StudyFile] = {}


def _study(shipped: str) -> StudyFile:
    if shipped not in _studies:
        _studies[shipped] = StudyFile.arrived(shipped)
    return _studies[shipped]
