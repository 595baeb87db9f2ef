"""The driver: asks Optuna, lets an executor measure, tells Optuna; nobody else writes to the study."""

import fcntl
import hashlib
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import optuna
from optuna.trial import TrialState

from search.executors import Executor
from search.member import Member, checkpoint_path
from search.pareto import front
from search.records import (
    INTERRUPTED,
    costs,
    left_running,
    members,
    open_study,
    read_result,
    result_attributes,
    set_test,
    set_words,
    trial_assignment,
)
from search.samplers import make_sampler
from search.snapshot import write_snapshot
from search.study_file import StudyFile
from search.worker import Job, Outcome
from spaces import Assignment, UserError

_FREE_ASKS = 100  # asks in a row that may cost nothing (measured before, over a limit) until the space counts as spent
_SAME_FAILURES = 5


@dataclass
class Progress:
    """What a search has done, for the screen."""

    planned: int
    done: int = 0
    running: int = 0
    failed: int = 0
    stage: str = "search"
    best: Member | None = None
    seconds: list[float] = field(default_factory=list)
    workers: int = 1

    @property
    def seconds_left(self) -> float | None:
        """Mean time of a trial so far over what is left; None before the first is done."""
        if not self.seconds:
            return None
        return sum(self.seconds) / len(self.seconds) * max(0, self.planned - self.done) / self.workers


class Driver:
    """Runs a study, or goes on with it, until as many mixed candidates are measured as it asks for.

    Args:
        file: the study.
        executor: where candidates are measured.
        on_progress: called whenever something changed.
    """

    def __init__(self, file: StudyFile, executor: Executor, on_progress: Callable[[Progress], None]) -> None:
        self._file, self._executor, self._report = file, executor, on_progress
        self._study = open_study(file, create=True)
        self._measured: dict[Assignment, tuple[float, ...]] = {}
        self._missing: list[Assignment] = []
        self._pending: dict[int, Assignment] = {}
        self._failures: list[Outcome] = []
        self.stopping = False

    def run(self) -> list[Member]:
        """Measure the uniform members, then mixed candidates, then score the front on the test corpus.

        Raises:
            UserError: if five trials in a row fail in the same way.
        """
        with _locked(self._file), self._draining():
            self._recover()
            self._measured = {m.assignment: m.costs for m in members(self._file, self._study)}
            mixed = sum(a not in set(self._file.uniform.values()) for a in self._measured)
            self._missing = [a for a in self._file.uniform.values() if a not in self._measured]
            target = len(self._missing) + max(0, self._file.search.trials - mixed)
            progress = Progress(len(self._measured) + target, len(self._measured), workers=self._file.search.workers)
            self._report(progress)
            self._search(target, progress)
            if not self.stopping and self._file.corpora.test is not None:
                self._score_front(progress)
            everyone = members(self._file, self._study)
            write_snapshot(self._file, everyone)
            return everyone

    def _search(self, target: int, progress: Progress) -> None:
        started: dict[int, float] = {}
        exhausted = False
        while True:
            while target > len(self._pending) and self._executor.free and not self.stopping and not exhausted:
                number = self._ask()
                exhausted = number is None
                if number is not None:
                    started[number] = time.monotonic()
                    self._executor.submit(self._job(number, self._pending[number]))
            progress.running = len(self._pending)
            self._report(progress)
            if not self._pending:
                return
            for outcome in self._executor.wait(1.0):
                assignment = self._pending.pop(outcome.job.number)
                if self._tell(outcome, assignment):
                    target -= 1
                    progress.done += 1
                    progress.seconds.append(time.monotonic() - started[outcome.job.number])
                else:
                    progress.failed += 1
                    # a uniform member that failed is tried by the next run; no mixed one takes its place
                    target -= assignment in self._file.uniform.values()
                progress.best = self._tidy()

    def _ask(self) -> int | None:
        """A trial that wants measuring; those that cost nothing are told at once. None where the space is spent."""
        for _ in range(_FREE_ASKS):
            trials = self._study.get_trials(deepcopy=False)
            waiting = [t for t in trials if t.state == TrialState.WAITING]
            interrupted = [t for t in trials if t.user_attrs.get("failure") == INTERRUPTED]
            if self._missing and not waiting:
                self._study.enqueue_trial(self._file.search_space.encode(self._missing[0]))
            # a sampler of its own for every ask: what it proposes follows from the study alone, also after a restart
            asked = len(trials) - len(waiting) - len(interrupted)
            self._study.sampler = make_sampler(self._file, seed=_seed(self._file.search.seed, asked))
            trial = self._study.ask()
            assignment = self._file.search_space.suggest(trial)
            if assignment in self._missing:
                self._missing.remove(assignment)
            trial.set_user_attr("assignment", assignment.to_json())
            storage_mb, runtime = costs(self._file, assignment)
            trial.set_user_attr("storage_mb", storage_mb)
            trial.set_user_attr("runtime", runtime)
            if assignment in self._measured:
                self._tell_again(trial, assignment)
            elif assignment in self._pending.values():
                self._fail(trial.number, "repeated", "being measured by another trial")
            elif (over := self._over_limit(storage_mb, runtime)) and assignment not in self._file.uniform.values():
                self._fail(trial.number, "over_limit", over)
            else:
                self._pending[trial.number] = assignment
                return trial.number
        return None

    def _over_limit(self, storage_mb: float, runtime: float) -> str:
        limits = self._file.search
        if limits.max_storage is not None and storage_mb > limits.max_storage:
            return f"{storage_mb:.3f} MB is over search.max_storage"
        if limits.max_runtime is not None and runtime > limits.max_runtime:
            return f"runtime {runtime:.3f} is over search.max_runtime"
        return ""

    def _tell_again(self, trial: optuna.Trial, assignment: Assignment) -> None:
        """Tell a trial what its assignment came to when it was measured before."""
        for earlier in self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            if trial_assignment(self._file, earlier) == assignment:
                for key, value in earlier.user_attrs.items():
                    trial.set_user_attr(key, value)
                trial.set_user_attr("repeats", earlier.number)
                self._study.tell(trial, earlier.values)
                return

    def _job(self, number: int, assignment: Assignment, kind: Any = "measure") -> Job:
        return Job(number, kind, str(self._file.path), assignment.to_json())

    def _tell(self, outcome: Outcome, assignment: Assignment) -> bool:
        """Write an outcome to the study; whether it was measured."""
        number = outcome.job.number
        if outcome.result is None:
            self._fail(number, outcome.failure or "error", outcome.message)
            self._failures.append(outcome)
            self._stop_if_hopeless()
            return False
        self._failures.clear()
        self._complete(number, assignment, outcome.result)
        return True

    def _complete(self, number: int, assignment: Assignment, result: dict[str, Any]) -> None:
        set_words(self._study, result["words"])
        trial_id = self._study.get_trials(deepcopy=False)[number]._trial_id
        for key, value in result_attributes(result).items():
            self._study._storage.set_trial_user_attr(trial_id, key, value)
        values = (result["wer"], *costs(self._file, assignment))
        self._study.tell(number, values)
        self._measured[assignment] = values

    def _fail(self, number: int, kind: str, message: str) -> None:
        trial_id = self._study.get_trials(deepcopy=False)[number]._trial_id
        self._study._storage.set_trial_user_attr(trial_id, "failure", kind)
        self._study._storage.set_trial_user_attr(trial_id, "message", message[:1000])
        self._study.tell(number, state=TrialState.FAIL)

    def _stop_if_hopeless(self) -> None:
        last = self._failures[-_SAME_FAILURES:]
        first = last[0]
        if first.failure == "input":
            raise UserError(first.message)
        if len(last) < _SAME_FAILURES or len({o.failure for o in last}) > 1:
            return
        trace = self._file.folder / "failure.txt"
        trace.write_text(first.trace or first.message, encoding="utf-8")
        raise UserError(f"{_SAME_FAILURES} trials in a row failed ({first.failure}: {first.message}); see {trace}")

    def _recover(self) -> None:
        """Finish what a driver before this one left: take over results that are there, fail the rest."""
        for trial in list(left_running(self._study)):
            whole = set(trial.params) == set(self._file.search_space.variables)
            assignment = trial_assignment(self._file, trial) if whole else None
            result = read_result(self._file, trial.number, assignment) if assignment is not None else None
            if assignment is not None and result is not None:
                self._complete(trial.number, assignment, result)
            else:
                self._fail(trial.number, INTERRUPTED, "the driver stopped while this trial ran")

    def _tidy(self) -> Member | None:
        """Drop the checkpoints that no pick can want; the member of the lowest WER so far."""
        everyone = members(self._file, self._study)
        wanted = {m.assignment for m in front(everyone)} | {m.assignment for m in everyone if m.uniform}
        for member in everyone:
            if member.assignment not in wanted:
                checkpoint_path(self._file, member.assignment).unlink(missing_ok=True)
        write_snapshot(self._file, everyone)
        mixed = [m for m in everyone if not m.uniform] or everyone
        return min(mixed, key=lambda m: m.wer, default=None)

    def _score_front(self, progress: Progress) -> None:
        """Score the front and the uniform members on the test corpus, each once in the life of a study."""
        everyone = members(self._file, self._study)
        wanted = dict.fromkeys([*front(everyone), *(m for m in everyone if m.uniform)])
        waiting = [m for m in wanted if m.test is None and checkpoint_path(self._file, m.assignment).exists()]
        progress.stage, progress.planned, progress.done = "test", len(waiting), 0
        progress.seconds.clear()
        running: dict[int, tuple[Member, float]] = {}
        while (waiting and not self.stopping) or running:
            while waiting and self._executor.free and not self.stopping:
                member = waiting.pop()
                running[member.number] = (member, time.monotonic())
                self._executor.submit(self._job(member.number, member.assignment, "test"))
            progress.running = len(running)
            self._report(progress)
            for outcome in self._executor.wait(1.0):
                member, began = running.pop(outcome.job.number)
                if outcome.result is None:
                    progress.failed += 1
                    continue
                set_test(self._study, member.assignment, outcome.result)
                progress.done += 1
                progress.seconds.append(time.monotonic() - began)
        progress.running = 0
        self._report(progress)

    @contextmanager
    def _draining(self) -> Iterator[None]:
        """First Ctrl-C: start nothing new and wait for what runs; second: stop at once."""

        def interrupt(_signal: int, _frame: FrameType | None) -> None:
            if self.stopping:
                raise KeyboardInterrupt
            self.stopping = True

        try:
            before = signal.signal(signal.SIGINT, interrupt)
        except ValueError:  # not the main thread
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _locked(file: StudyFile) -> Iterator[None]:
    """Let one driver at a time work on a study's folder."""
    file.folder.mkdir(parents=True, exist_ok=True)
    with (file.folder / "driver.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"{file.folder}: another hubits search works on this study; wait for it or stop it"
            ) from None
        yield


def _seed(seed: int, asked: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{asked}".encode()).digest()[:4], "big")
