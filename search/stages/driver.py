"""The driver: opens trials, lets an executor measure them, writes down what came out; the only writer of a study."""

import time
from collections.abc import Sequence
from typing import Any

import moocore
import numpy as np

from evaluators.costs.layout import head_path
from search.failures import ERROR, INPUT, OVER_LIMIT, REPEATED
from search.front.pareto import front
from search.front.shrunken import shrunken_front
from search.hypervolume import dominated, hypervolume, reference_beyond
from search.running.dispatch import Finished, dispatch
from search.running.job import Job, MeasureJob, Outcome, ScoreJob
from search.samplers.context import SamplerAt
from search.stages.chronicle import Chronicle
from search.stages.stage import Progress, RunContext
from search.stages.verdict import counts, hopeless
from search.study.candidate import Candidate
from search.study.layout import checkpoint_path
from search.study.ledger import Ledger, Values
from search.study.records import candidates, costs, open_study
from search.study.snapshot import write_snapshot
from search.study.study_file import StudyFile
from search.study.tally import tally
from spaces import Assignment, UserError

_FREE_ASKS = 100  # asks in a row that may cost nothing (measured before, over a limit) until the space counts as spent
_DOUBT = 0.1  # share by which a WER may be too high without its checkpoint being dropped
_COPY_EVERY, _COPY_SHARE = 10.0, 50.0  # seconds from a copy to the next, and times what it took, whichever is longer
_GROWTH = 1e-3  # relative growth of the hypervolume below which a candidate brought nothing


class Driver:
    """Measures a study at one fidelity, or goes on with it, until as many mixed candidates are measured as it asks for.

    Args:
        file: the study at its fidelity.
        sampler: who proposes once the uniform and the given candidates are measured.
        given: candidates to measure before the sampler is asked.
    """

    def __init__(
        self, file: StudyFile, context: RunContext, sampler: SamplerAt, given: Sequence[Assignment] = ()
    ) -> None:
        self._file, self._context, self._sampler = file, context, sampler
        self._ledger = Ledger(file)
        self._uniform = {a.digest: name for name, a in file.uniform.items()}
        self._wanted = {a.digest: a for a in (*file.uniform.values(), *given)}
        rows = (*file.uniform.values(), *file.search_space.rows.grid.values())
        self._grid = {assignment.digest for assignment in rows}
        names = {**file.search_space.rows.grid, **file.uniform}
        self._chronicle = Chronicle({assignment.digest: name for name, assignment in names.items()})
        self._next_copy = 0.0
        self._given = [a for digest, a in self._wanted.items() if digest not in self._ledger.measured]
        self._pending: dict[int, Assignment] = {}
        self._failures: list[Outcome] = []
        self._front: dict[str, Values] = {}
        self._rows: dict[str, Values] = {}  # what was measured of the rows that anybody could write
        self._stored: dict[str, Values] = {}  # whose checkpoints are kept, beside those that were asked for
        self._volumes: list[float] = []
        self._target, self._note, self._hopeless = 0, "", ""
        for digest, measured in self._ledger.measured.items():
            self._take_in(digest, measured.values)

    def run(self) -> list[Candidate]:
        """Measure the uniform members, those given, then what the sampler proposes; score the front on the test corpus.

        Raises:
            UserError: if five trials in a row fail in the same way, an input is broken or the disk is full.
        """
        done = len(self._ledger.measured)
        mixed = {*self._ledger.measured, *(a.digest for a in self._given)} - self._uniform.keys()
        self._target = len(self._given) + max(0, self._file.search.trials - len(mixed))
        stage = {"supernet": "supernet", "short": "search", "refined": "refine"}[self._file.fidelity]
        progress = Progress(done + self._target, done, stage=stage, workers=self._file.search.workers)
        self._end_on_a_plateau()
        self._show(progress, 0)
        for finished in dispatch(
            self._context.executor, self._next_job, self._stopping, lambda n: self._show(progress, n)
        ):
            if self._tell(finished):
                progress.done += 1
                progress.seconds.append(finished.seconds)
            else:
                progress.failed += 1
            self._end_on_a_plateau()
            self._show(progress, len(self._pending))
            self._copy_now_and_then()
        if self._hopeless:  # what ran is told by now
            raise UserError(self._hopeless)
        if not self._context.stop() and self._file.corpora.test is not None:
            self._score_front()
        return self._copy_down()

    def _copy_down(self) -> list[Candidate]:
        """Everything measured, and a copy of it for those who look without the database."""
        study = open_study(self._file, create=False)
        everyone = candidates(self._file, study)
        write_snapshot(self._file, everyone, tally(study))
        return everyone

    def _copy_now_and_then(self) -> None:
        """For those who watch: as often as it costs next to nothing."""
        began = time.monotonic()
        if began >= self._next_copy:
            self._copy_down()
            self._next_copy = time.monotonic() + max(_COPY_EVERY, _COPY_SHARE * (time.monotonic() - began))

    def _stopping(self) -> bool:
        return self._context.stop() or bool(self._hopeless)

    def _show(self, progress: Progress, running: int) -> None:
        progress.running, progress.note = running, self._note
        progress.busy, progress.told = self._chronicle.busy, self._chronicle.told
        progress.repeated = self._chronicle.repeated
        if self._front:
            reference = self._reference()
            progress.front, progress.rows = list(self._front.values()), list(self._rows.values())
            progress.volume = hypervolume(progress.front, reference)
            rows = hypervolume(list(self._rows.values()), reference)
            progress.gain = progress.volume / rows - 1 if rows else None
        self._context.on_progress(progress)

    def _next_job(self) -> Job | None:
        """The next trial that wants measuring; those that cost nothing are closed at once."""
        if self._target <= len(self._pending):
            return None
        for _ in range(_FREE_ASKS):
            if self._given:
                number, assignment = self._ledger.give(self._given.pop(0))
            else:
                number, assignment = self._ledger.propose(self._sampler(self._ledger.asked))
            if assignment.digest in self._ledger.measured:
                self._ledger.repeat(number, assignment)
                self._chronicle.repeated += 1
            elif assignment in self._pending.values():
                self._ledger.fail(number, assignment, REPEATED, "being measured by another trial")
            elif (over := self._over_limit(assignment)) and assignment.digest not in self._uniform:
                self._ledger.fail(number, assignment, OVER_LIMIT, over)
            else:
                self._pending[number] = assignment
                self._chronicle.started(number, assignment)
                return MeasureJob(number=number, assignment=assignment, **self._common)
        self._target = len(self._pending)
        self._note = f"ended early: {_FREE_ASKS} proposals in a row were measured before or over a limit"
        return None

    @property
    def _common(self) -> dict[str, Any]:
        """What all of its jobs say."""
        file = self._file
        return {"study": file.shipped, "fidelity": file.fidelity, "minutes": file.search.minutes_per_trial}

    def _over_limit(self, assignment: Assignment) -> str:
        limits = self._file.search
        if limits.max_storage is None and limits.max_runtime is None:
            return ""
        storage_mb, runtime = costs(self._file, assignment)
        if limits.max_storage is not None and storage_mb > limits.max_storage:
            return f"{storage_mb:.3f} MB is over search.max_storage"
        if limits.max_runtime is not None and runtime > limits.max_runtime:
            return f"runtime {runtime:.3f} is over search.max_runtime"
        return ""

    def _tell(self, finished: Finished) -> bool:
        """Write down what came of a trial; whether it was measured."""
        outcome, number = finished.outcome, finished.outcome.job.number
        assignment = self._pending.pop(number)
        if outcome.result is not None and (unlike := self._ledger.unlike(outcome.result)):
            outcome = Outcome(outcome.job, None, INPUT, unlike)
        if outcome.result is None:
            failure = outcome.failure or ERROR
            kind = self._ledger.fail(number, assignment, failure, outcome.message, finished.failures)
            self._chronicle.failed(number, assignment, kind, outcome.message)
            # one that was wanted for itself is tried again by the next run; no other takes its place
            self._target -= assignment.digest in self._wanted
            if counts(kind):
                self._failures.append(outcome)
                self._hopeless = self._hopeless or hopeless(self._failures, self._file.folder) or ""
            return False
        self._failures.clear()
        self._ledger.complete(number, assignment, outcome.result, finished.failures)
        self._target -= 1
        values = self._ledger.measured[assignment.digest].values
        before = self._volume()
        self._take_in(assignment.digest, values)
        growth = self._volume() - before
        self._chronicle.measured(number, assignment, values, growth, assignment.digest in self._front)
        return True

    def _volume(self) -> float:
        return hypervolume(list(self._front.values()), self._reference()) if self._front else 0.0

    def _take_in(self, digest: str, values: Values) -> None:
        """Keep the front up to date, and drop the checkpoints that no pick can want."""
        everyone = {**self._front, digest: values}
        kept = moocore.is_nondominated(np.array(list(everyone.values())), keep_weakly=False)
        self._front = {d: v for (d, v), keep in zip(everyone.items(), kept, strict=True) if keep}
        self._stored[digest] = values
        if digest in self._grid:
            self._rows[digest] = values
        # a WER is noisy: what a better one would put on the front is kept as well
        doubted = np.array(list(self._stored.values())) * (1 - _DOUBT, 1.0, 1.0)
        beaten = dominated(doubted, np.array(list(self._front.values())))
        for dropped in [d for d, out in zip(list(self._stored), beaten, strict=True) if out]:
            del self._stored[dropped]
            if dropped not in self._wanted:
                checkpoint = checkpoint_path(self._file, dropped)
                for path in (checkpoint, head_path(checkpoint)):
                    path.unlink(missing_ok=True)
        if self._file.search.plateau is not None:
            self._volumes.append(self._volume())

    def _reference(self) -> Values:
        """As ``reference_point``, from what is at hand."""
        uniform = [m.values for d, m in self._ledger.measured.items() if d in self._uniform]
        return reference_beyond(uniform or self._front.values())

    def _end_on_a_plateau(self) -> None:
        if self._target > len(self._pending) and self._on_plateau():
            self._target, self._note = len(self._pending), "ended early: the hypervolume is on a plateau"

    def _on_plateau(self) -> bool:
        patience = self._file.search.plateau
        if patience is None or self._given or len(self._volumes) <= patience + len(self._uniform):
            return False
        before = self._volumes[-1 - patience]
        return self._volumes[-1] - before <= _GROWTH * before

    def _unscored(self, member: Candidate) -> bool:
        """Whether something is missing of its scores on the test corpora: a beam may have come to the study later."""
        return member.test is None or (self._file.decoding is not None and "beam" not in member.test)

    def _score_front(self) -> None:
        """Score the front, the rows and what was asked for on the test corpus, each once in the life of a study."""
        everyone = candidates(self._file, open_study(self._file, create=False))
        asked = [m for m in everyone if m.uniform or m.assignment.digest in self._wanted]
        wanted = dict.fromkeys([*front(everyone), *shrunken_front(everyone), *asked])
        jobs = {
            m.number: ScoreJob(number=m.number, assignment=m.assignment, **self._common)
            for m in wanted if self._unscored(m) and checkpoint_path(self._file, m.assignment.digest).exists()
        }  # fmt: skip
        assignments = {m.number: m.assignment for m in wanted}
        waiting = list(jobs.values())
        progress = Progress(len(jobs), stage="test", workers=self._file.search.workers)
        for finished in dispatch(
            self._context.executor, lambda: waiting.pop() if waiting else None, self._context.stop,
            lambda n: self._show(progress, n),
        ):  # fmt: skip
            if finished.outcome.result is None:
                progress.failed += 1
                self._note = f"not scored on the test corpus: {finished.outcome.message}"
                if finished.outcome.failure == INPUT:  # broken for all
                    waiting.clear()
                continue
            self._ledger.score(assignments[finished.outcome.job.number], finished.outcome.result)
            progress.done += 1
            progress.seconds.append(finished.seconds)
        self._show(progress, 0)
