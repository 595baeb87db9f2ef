"""Keeps an executor busy: takes jobs as there is room, tries again what may succeed, hands out what came of them."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from search.failures import INTERRUPTED
from search.running.executors import Executor
from search.running.job import Job, Outcome
from search.running.retries import next_attempt


@dataclass
class Attempted:
    """A job under way: when it began, and the kinds of its failures so far."""

    began: float
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Finished:
    """A job's last outcome, the failures before it and the seconds from its first submission on."""

    outcome: Outcome
    failures: tuple[str, ...]
    seconds: float


def dispatch(
    executor: Executor,
    next_job: Callable[[], Job | None],
    stopping: Callable[[], bool],
    on_tick: Callable[[int], None],
) -> Iterator[Finished]:
    """Run jobs until there are none.

    Args:
        next_job: the next one, or None where there is none now; asked again after each that finished.
        stopping: whether nothing new is to be started.
        on_tick: called about once a second with the number of jobs under way.
    """
    under_way: dict[int, Attempted] = {}
    again: deque[Job] = deque()
    while True:
        spent = False
        while not stopping():
            if not again and executor.free:
                job = next_job()
                spent = job is None
                again.extend([] if job is None else [job])
            if not again or executor.free < again[0].room:
                break
            job = again.popleft()
            under_way.setdefault(job.number, Attempted(time.monotonic()))
            executor.submit(job)
        if stopping():
            while again:
                job = again.popleft()
                yield _finished(Outcome(job, None, INTERRUPTED, "stopped before another attempt"), under_way)
        on_tick(len(under_way))
        if not under_way and (spent or stopping()):
            return
        for outcome in executor.wait(1.0):
            if outcome.failure is not None:
                failures = under_way[outcome.job.number].failures
                retry = next_attempt(outcome.job, [*failures, outcome.failure], executor.slots)
                if retry is not None:
                    failures.append(outcome.failure)
                    again.append(retry)
                    continue
            yield _finished(outcome, under_way)


def _finished(outcome: Outcome, under_way: dict[int, Attempted]) -> Finished:
    attempted = under_way.pop(outcome.job.number, None) or Attempted(time.monotonic())
    return Finished(outcome, tuple(attempted.failures), time.monotonic() - attempted.began)
