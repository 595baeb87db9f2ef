"""Keeps an executor busy: takes jobs as there is room, tries again what may succeed, hands out what came of them."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from search.failures import INTERRUPTED
from search.running.executors import Executor
from search.running.job import Job, Outcome
from search.running.retries import next_attempt

_LOOK_AGAIN = 0.1  # seconds between looks at what waits for another attempt
_log = logging.getLogger("hubits.jobs")


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
    again: list[tuple[float, Job]] = []  # from when on each may be tried again
    while True:
        spent = False
        while not stopping() and executor.free:
            job = _due(again)
            if job is None:
                job = next_job()
                spent = job is None
            if job is None:
                break
            under_way.setdefault(job.number, Attempted(time.monotonic()))
            _log.debug("%s", job)
            executor.submit(job)
        if stopping():
            for _, job in again:
                yield _finished(Outcome(job, None, INTERRUPTED, "stopped before another attempt"), under_way)
            again.clear()
        on_tick(len(under_way))
        if not under_way and (spent or stopping()):
            return
        outcomes = executor.wait(1.0 if not again else _LOOK_AGAIN)
        if not outcomes and again and len(again) == len(under_way):  # an executor without a job need not wait
            time.sleep(_LOOK_AGAIN)
        for outcome in outcomes:
            if outcome.failure is not None:
                failures = under_way[outcome.job.number].failures
                retry = next_attempt(outcome.job, [*failures, outcome.failure], executor.room)
                if retry is not None:
                    job, pause = retry
                    _log.info("job %d: %s; tried again in %g s with accumulation %d and room %d: %s", job.number,
                              outcome.failure, pause, job.accumulation, job.room, outcome.message)  # fmt: skip
                    failures.append(outcome.failure)
                    again.append((time.monotonic() + pause, job))
                    continue
            yield _finished(outcome, under_way)


def _due(again: list[tuple[float, Job]]) -> Job | None:
    """Take the first job that may be tried again by now."""
    now = time.monotonic()
    for i, (when, job) in enumerate(again):
        if when <= now:
            del again[i]
            return job
    return None


def _finished(outcome: Outcome, under_way: dict[int, Attempted]) -> Finished:
    attempted = under_way.pop(outcome.job.number, None) or Attempted(time.monotonic())
    seconds, what = time.monotonic() - attempted.began, outcome.failure or "done"
    _log.info("%s %d: %s after %.1f s %s", type(outcome.job).__name__, outcome.job.number, what, seconds,
              outcome.message)  # fmt: skip
    return Finished(outcome, tuple(attempted.failures), seconds)
