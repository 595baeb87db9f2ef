"""Where jobs run: in this process, or on Ray workers, behind one protocol."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from search.running.job import Job, Outcome, Work
from search.running.worker import run
from search.study.sections import SearchSettings


class Executor(Protocol):
    """Runs jobs; never raises for what a job did."""

    @property
    def slots(self) -> int:
        """How many jobs of ordinary size run at a time."""
        ...

    @property
    def room(self) -> int:
        """How many slots' share of a machine one job can be given."""
        ...

    @property
    def free(self) -> int:
        """How many slots can take a job right now."""
        ...

    def submit(self, job: Job) -> None:
        """Take a job; a slot must be free. One of more room waits for it inside, and meanwhile none is free."""
        ...

    def wait(self, seconds: float) -> list[Outcome]:
        """Finished jobs, at least one unless the time runs out."""
        ...

    def close(self) -> None:
        """Give everything back; jobs still running are dropped."""
        ...


class InlineExecutor:
    """One job at a time in this process, run while it is waited for."""

    slots = room = 1

    def __init__(self, work: Work = run) -> None:
        self._work = work
        self._waiting: deque[Job] = deque()

    @property
    def free(self) -> int:
        """See ``Executor``."""
        return 1 - len(self._waiting)

    def submit(self, job: Job) -> None:
        """See ``Executor``."""
        self._waiting.append(job)

    def wait(self, seconds: float) -> list[Outcome]:
        """See ``Executor``; runs the job and ignores the time."""
        if not self._waiting:
            return []
        job = self._waiting[0]
        outcome = self._work(job)
        self._waiting.popleft()
        return [outcome]

    def close(self) -> None:
        """See ``Executor``."""
        self._waiting.clear()


def _inline(_settings: SearchSettings) -> Executor:
    return InlineExecutor()


def _on_ray(settings: SearchSettings) -> Executor:
    from search.running.ray_executor import RayExecutor

    return RayExecutor(settings)


EXECUTORS: dict[str, Callable[[SearchSettings], Executor]] = {"ray": _on_ray, "inline": _inline}


def make_executor(settings: SearchSettings) -> Executor:
    """The executor that a study asks for."""
    return EXECUTORS[settings.executor](settings)
