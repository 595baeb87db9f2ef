"""What becomes of a job that failed: another attempt where another one can help, else the end of it."""

from collections.abc import Sequence
from dataclasses import replace

from search.failures import OUT_OF_MEMORY, WORKER_LOST
from search.running.job import Job

_LOST = 5  # workers that one trial may lose, to preemption or to a node taken away


def next_attempt(job: Job, failures: Sequence[str], slots: int) -> Job | None:
    """The job as it is tried again, or None where it has failed for good.

    Out of memory: half the batch and twice the accumulation, which is the same effective batch, twice; then more of the
    machine, that is fewer trials at a time. A lost worker: the same again, for free, up to a bound. A bug, a loss that
    is no number and a trial over its time would fail again.

    Args:
        failures: kinds of all failures of this job so far, the last one included.
        slots: how many workers the executor has.
    """
    if failures[-1] == WORKER_LOST:
        return job if failures.count(WORKER_LOST) <= _LOST else None
    if failures[-1] == OUT_OF_MEMORY:
        if job.accumulation < 4:
            return replace(job, accumulation=2 * job.accumulation)
        if 2 * job.room <= slots:
            return replace(job, room=2 * job.room)
    return None
