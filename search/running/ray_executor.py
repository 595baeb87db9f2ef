"""Jobs on Ray: actors on this machine or on a cluster."""

import logging
import math
import os
import socket
import time
from dataclasses import dataclass
from typing import Any

from search import failures
from search.running.job import Job, Outcome, Work
from search.running.ray_cluster import connect, logs, most_room, share
from search.running.worker import prepare, run
from search.study.sections import SearchSettings
from spaces import UserError

_GRACE = 15.0  # seconds over its limit that a trial has to stop by itself, before its worker is killed
_STARTS = 5  # attempts to start a worker, the pause before each twice the last, where no other one works
_LONGEST_PAUSE = 60.0  # seconds between two of them
_ROOM_WITHIN = 300.0  # seconds in which a node has to have room for a larger worker, once nothing else runs
_log = logging.getLogger("hubits.workers")


@dataclass
class _Running:
    job: Job
    actor: Any
    loading: Any  # what is awaited before the job's time counts
    deadline: float = math.inf
    group: Any = None  # the placement group of a larger worker


@dataclass
class _Reserving:
    """A job that waits for a node to have room for its larger worker; nothing new starts meanwhile."""

    job: Job
    group: Any
    alone_since: float | None = None


class RayExecutor:
    """Ray actors, each of which keeps the study's models and corpora between its jobs.

    An actor whose job failed or which died is replaced by a fresh one; one that cannot be placed, because its node was
    taken away, waits for the cluster to grow again while the others go on. A job of more room is given a worker of its
    own, for which workers are ended until some node can hold it.

    Args:
        settings: how many workers of what size, and which cluster.
        work: what a worker does with a job.

    Raises:
        UserError: if there is no cluster at the address, or this machine offers less than one worker asks for.
    """

    def __init__(self, settings: SearchSettings, work: Work = run) -> None:
        self._owns = connect(settings)
        import ray

        self._ray, self._settings, self._work = ray, settings, work
        self._idle: list[Any] = []
        self._running: dict[Any, _Running] = {}
        self._starting: dict[Any, tuple[Any, int]] = {}  # what is awaited -> the actor and its attempt
        self._due: list[tuple[float, int]] = []  # when another attempt to start a worker is made, and which
        self._reserving: _Reserving | None = None
        self._most_room: float = math.inf  # what was found not to be had
        self._names: dict[Any, str] = {}
        _log.info("%d workers of %s; Ray's logs: %s", settings.workers, share(settings, 1), logs())
        self._fill()

    def _fill(self) -> None:
        """Start as many workers as are missing."""
        used = sum(running.job.room for running in self._running.values())
        missing = self._settings.workers - used - len(self._idle) - len(self._starting) - len(self._due)
        for _ in range(missing if self._reserving is None else 0):
            self._start(1)

    def _start(self, attempt: int) -> None:
        actor = self._actor(1)
        self._starting[actor.ready.remote()] = (actor, attempt)

    def _actor(self, room: int, **options: Any) -> Any:
        wanted = share(self._settings, room)
        gpus = wanted.get("GPU", 0.0)
        options |= {"num_cpus": wanted["CPU"], "num_gpus": gpus, "max_restarts": 0}
        return self._ray.remote(_Worker).options(**options).remote(self._work, gpus)

    @property
    def slots(self) -> int:
        """See ``Executor``."""
        return self._settings.workers

    @property
    def room(self) -> int:
        """See ``Executor``."""
        return int(min(self._most_room, most_room(self._settings)))

    @property
    def free(self) -> int:
        """See ``Executor``."""
        return len(self._idle) if self._reserving is None else 0

    def submit(self, job: Job) -> None:
        """See ``Executor``."""
        if job.room > 1:
            from ray.util.placement_group import placement_group

            bundle = share(self._settings, job.room)
            self._reserving = _Reserving(job, placement_group([bundle], strategy="STRICT_PACK"))
            _log.info("job %d waits for a node with room for %s", job.number, bundle)
            return
        self._run(job, self._idle.pop())

    def _run(self, job: Job, actor: Any, group: Any = None) -> None:
        loading = actor.prepare.remote(job)
        self._running[actor.run.remote(job)] = _Running(job, actor, loading, group=group)
        _log.info("job %d starts on %s", job.number, self._name(actor))

    def wait(self, seconds: float) -> list[Outcome]:
        """See ``Executor``."""
        now = time.monotonic()
        for due in [due for due in self._due if due[0] <= now]:
            self._due.remove(due)
            self._start(due[1])
        refused = self._reserve(self._reserving) if self._reserving else []
        loading = {r.loading: r for r in self._running.values() if r.loading is not None}
        waited = [*self._running, *self._starting, *loading]
        if self._due or self._reserving:
            seconds = min(seconds, 0.2)
        if refused or not waited:
            time.sleep(0 if refused or not (self._due or self._reserving) else seconds)
            return refused
        done, _ = self._ray.wait(waited, num_returns=1, timeout=seconds)
        more, _ = self._ray.wait(waited, num_returns=len(waited), timeout=0)
        for reference in more:
            if reference in self._starting:
                self._enlist(reference)
            if reference in loading:
                loading[reference].loading = None
                minutes = loading[reference].job.minutes
                loading[reference].deadline = math.inf if minutes is None else time.monotonic() + 60 * minutes + _GRACE
        ended = [r for r in dict.fromkeys([*done, *more]) if r in self._running]
        return [self._collect(r) for r in ended] + self._overdue()

    def _reserve(self, reserving: _Reserving) -> list[Outcome]:
        """Run a job that waits for room where there is some, or end workers that may be in its way; or give it up."""
        from ray.util.placement_group import remove_placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        if reserving.group.wait(0):
            self._reserving = None
            strategy = PlacementGroupSchedulingStrategy(reserving.group, placement_group_bundle_index=0)
            actor = self._actor(reserving.job.room, scheduling_strategy=strategy)
            self._run(reserving.job, actor, reserving.group)
            self._fill()
            return []
        for actor in (*self._idle, *(actor for actor, _ in self._starting.values())):
            self._ray.kill(actor)
        self._idle.clear()
        self._starting.clear()
        self._due.clear()
        if not self._running and reserving.alone_since is None:
            reserving.alone_since = time.monotonic()
        if reserving.alone_since is None or time.monotonic() - reserving.alone_since < _ROOM_WITHIN:
            return []
        self._reserving, self._most_room = None, reserving.job.room // 2
        remove_placement_group(reserving.group)
        self._fill()
        return [Outcome(reserving.job, None, failures.OUT_OF_MEMORY, "no node has room for a larger worker")]

    def _enlist(self, reference: Any) -> None:
        """A worker that has started joins the idle ones; one that died while it did is replaced, a little later."""
        actor, attempt = self._starting.pop(reference)
        try:
            self._names[actor] = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            why = " ".join(str(error).split())
            if attempt >= _STARTS and not self._idle and not self._running:
                raise UserError(f"Ray cannot start a worker: {why}; Ray's logs: {logs()}") from None
            pause = min(_LONGEST_PAUSE, 2.0 ** (attempt - 1))
            _log.warning("a worker was lost while it started (attempt %d, next in %g s): %s", attempt, pause, why)
            self._due.append((time.monotonic() + pause, attempt + 1))
            return
        self._idle.append(actor)

    def _collect(self, reference: Any) -> Outcome:
        running = self._running.pop(reference)
        outcome = self._outcome(running.job, reference)
        what = outcome.failure or "measured"
        _log.info("job %d on %s: %s %s", running.job.number, self._name(running.actor), what, outcome.message)
        if outcome.failure or running.group is not None:
            self._replace(running)
        else:
            self._idle.append(running.actor)
        return outcome

    def _name(self, actor: Any) -> str:
        return self._names.get(actor, "a new worker")

    def _replace(self, running: _Running) -> None:
        self._ray.kill(running.actor)
        self._names.pop(running.actor, None)
        if running.group is not None:
            from ray.util.placement_group import remove_placement_group

            remove_placement_group(running.group)
        self._fill()

    def _overdue(self) -> list[Outcome]:
        """Jobs that are over their time and did not stop by themselves."""
        now = time.monotonic()
        found = []
        for reference in [r for r, running in self._running.items() if now > running.deadline]:
            running = self._running.pop(reference)
            over = f"over search.minutes_per_trial = {running.job.minutes:g}"
            _log.info("job %d on %s: killed, %s", running.job.number, self._name(running.actor), over)
            self._replace(running)
            found.append(Outcome(running.job, None, failures.TIME_LIMIT, over))
        return found

    def _outcome(self, job: Job, reference: Any) -> Outcome:
        exceptions = self._ray.exceptions
        try:
            outcome: Outcome = self._ray.get(reference)
            return outcome
        except exceptions.OutOfMemoryError as error:
            return Outcome(job, None, failures.OUT_OF_MEMORY, str(error).splitlines()[0], str(error))
        except exceptions.RayTaskError as error:
            return Outcome(job, None, failures.ERROR, str(error).splitlines()[-1], str(error))
        except exceptions.RayError as error:
            if "low on memory" in str(error):  # an actor that Ray's memory monitor killed
                return Outcome(job, None, failures.OUT_OF_MEMORY, "the machine ran low on memory", str(error))
            return Outcome(job, None, failures.WORKER_LOST, str(error).splitlines()[0], str(error))

    def close(self) -> None:
        """See ``Executor``."""
        starting = (actor for actor, _ in self._starting.values())
        for actor in (*self._idle, *starting, *(r.actor for r in self._running.values())):
            self._ray.kill(actor)
        groups = [r.group for r in (*self._running.values(), self._reserving) if r is not None and r.group is not None]
        for group in groups:  # on a cluster that goes on without us
            from ray.util.placement_group import remove_placement_group

            remove_placement_group(group)
        if self._owns:
            self._ray.shutdown()


class _Worker:
    """The Ray actor: a process that runs jobs one after the other, on no more than its share of the GPU's memory."""

    def __init__(self, work: Work, gpus: float) -> None:
        self._work = work
        self._prepare = prepare if work is run else None
        if not gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray leaves all of them to who asked for none
        if 0 < gpus < 1:
            import torch

            torch.cuda.set_per_process_memory_fraction(gpus)

    def ready(self) -> str:
        return f"{socket.gethostname()}, process {os.getpid()}"

    def prepare(self, job: Job) -> None:
        if self._prepare is not None:
            self._prepare(job)

    def run(self, job: Job) -> Outcome:
        return self._work(job)
