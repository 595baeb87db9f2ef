"""What becomes of a job that failed: another attempt where another one can help, else the end of it."""

from collections.abc import Sequence
from dataclasses import replace

from search.failures import HICCUP, OUT_OF_MEMORY, WORKER_LOST
from search.running.job import Job

_LOST = 5  # workers that one trial may lose, to preemption or to a node taken away
PAUSES = (1.0, 5.0, 30.0, 60.0, 120.0)  # seconds before each attempt after a shared disk was away


def next_attempt(job: Job, failures: Sequence[str], room: int) -> tuple[Job, float] | None:
    """The job as it is tried again, and in how many seconds, or None where it has failed for good.

    Out of memory: half the batch and twice the accumulation, which is the same effective batch, twice; then more of a
    machine, that is fewer trials at a time. A lost worker: the same again, for free, up to a bound; a hiccup of the
    storage: the same again, later each time. A bug, a loss that is no number and a trial over its time would fail
    again.

    Args:
        failures: kinds of all failures of this job so far, the last one included.
        room: the most that one job can be given.
    """
    if failures[-1] == WORKER_LOST:
        return (job, 0.0) if failures.count(WORKER_LOST) <= _LOST else None
    if failures[-1] == HICCUP:
        met = failures.count(HICCUP)
        return (job, PAUSES[met - 1]) if met <= len(PAUSES) else None
    if failures[-1] == OUT_OF_MEMORY:
        if job.accumulation < 4:
            return replace(job, accumulation=2 * job.accumulation), 0.0
        if 2 * job.room <= room:
            return replace(job, room=2 * job.room), 0.0
    return None
