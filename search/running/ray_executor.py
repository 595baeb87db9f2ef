"""Jobs on Ray: actors on this machine or on a cluster."""

import logging
import math
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search import failures
from search.running.job import Job, Outcome, Work
from search.running.worker import prepare, run
from search.study.sections import SearchSettings
from spaces import UserError

_GRACE = 15.0  # seconds over its limit that a trial has to stop by itself, before its worker is killed
_STARTS = 5  # workers in a row that may fail to start


@dataclass
class _Running:
    job: Job
    actor: Any
    loading: Any  # what is awaited before the job's time counts
    deadline: float = math.inf


class RayExecutor:
    """Ray actors, each of which keeps the study's models and corpora between its jobs.

    An actor whose job failed or which died is replaced by a fresh one; one that cannot be placed, because its node was
    taken away, waits for the cluster to grow again while the others go on.

    Args:
        settings: how many workers of what size, and which cluster.
        work: what a worker does with a job.

    Raises:
        UserError: if there is no cluster at the address, or no node of it offers what one worker asks for.
    """

    def __init__(self, settings: SearchSettings, work: Work = run) -> None:
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        if settings.ray_address is None:  # another cluster says for itself how it authenticates
            os.environ.setdefault("RAY_AUTH_MODE", "token")  # Ray's own default; said aloud it does not warn
        import ray

        self._ray, self._settings, self._work = ray, settings, work
        self._owns = not ray.is_initialized()
        if self._owns:
            self._connect()
        self._refuse_too_large()
        self._idle: list[Any] = []
        self._running: dict[Any, _Running] = {}
        self._starting: dict[Any, Any] = {}
        self._failed_starts = 0
        for _ in range(settings.workers):
            self._start()

    def _connect(self) -> None:
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
        if self._settings.ray_address is None:
            cpus = max(1.0, self._settings.workers * self._settings.cpus_per_trial)
            # "local": not whatever cluster happens to run on this machine
            self._ray.init("local", num_cpus=int(cpus), include_dashboard=False, **quiet)
            return
        root = Path(__file__).parents[2]
        packages = [str(root / name) for name in ("search", "evaluators", "spaces")]
        _reach(self._settings.ray_address)
        try:
            self._ray.init(self._settings.ray_address, runtime_env={"py_modules": packages}, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            why = str(error).splitlines()[0]
            raise UserError(f"search.ray_address: no Ray cluster at {self._settings.ray_address} ({why})") from None

    def _refuse_too_large(self) -> None:
        alive: list[dict[str, Any]] = self._ray.nodes()  # type: ignore[no-untyped-call]
        nodes: list[dict[str, Any]] = [n["Resources"] for n in alive if n["Alive"]]
        for resource, need in (("CPU", self._settings.cpus_per_trial), ("GPU", self._settings.gpus_per_trial)):
            most = max((n.get(resource, 0) for n in nodes), default=0)
            if most < need:
                raise UserError(
                    f"search.{resource.lower()}s_per_trial: {need:g} asked for, the largest node has {most:g}"
                )

    def _start(self, room: int = 1) -> Any:
        gpus = self._settings.gpus_per_trial * room
        options: dict[str, Any] = {
            "num_cpus": self._settings.cpus_per_trial * room, "num_gpus": gpus, "max_restarts": 0
        }  # fmt: skip
        actor: Any = self._ray.remote(_Worker).options(**options).remote(self._work, gpus)
        if room == 1:
            self._starting[actor.ready.remote()] = actor
        return actor

    @property
    def slots(self) -> int:
        """See ``Executor``."""
        return self._settings.workers

    @property
    def free(self) -> int:
        """See ``Executor``."""
        return len(self._idle)

    def submit(self, job: Job) -> None:
        """See ``Executor``. A job of more room takes the place of as many workers."""
        actor = self._idle.pop()
        if job.room > 1:
            for other in (actor, *(self._idle.pop() for _ in range(job.room - 1))):
                self._ray.kill(other)
            actor = self._start(job.room)
        loading = actor.prepare.remote(job)
        self._running[actor.run.remote(job)] = _Running(job, actor, loading)

    def wait(self, seconds: float) -> list[Outcome]:
        """See ``Executor``."""
        loading = {r.loading: r for r in self._running.values() if r.loading is not None}
        waited = [*self._running, *self._starting, *loading]
        if not waited:
            return []
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

    def _enlist(self, reference: Any) -> None:
        """A worker that has started joins the idle ones; one that died while it did is replaced."""
        actor = self._starting.pop(reference)
        try:
            self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise UserError(f"Ray cannot start a worker: {' '.join(str(error).split())}") from None
            self._start()
            return
        self._failed_starts = 0
        self._idle.append(actor)

    def _collect(self, reference: Any) -> Outcome:
        running = self._running.pop(reference)
        outcome = self._outcome(running.job, reference)
        if outcome.failure or running.job.room > 1:
            self._replace(running)
        else:
            self._idle.append(running.actor)
        return outcome

    def _replace(self, running: _Running) -> None:
        self._ray.kill(running.actor)
        for _ in range(running.job.room):
            self._start()

    def _overdue(self) -> list[Outcome]:
        """Jobs that are over their time and did not stop by themselves."""
        now = time.monotonic()
        found = []
        for reference in [r for r, running in self._running.items() if now > running.deadline]:
            running = self._running.pop(reference)
            self._replace(running)
            found.append(
                Outcome(
                    running.job, None, failures.TIME_LIMIT, f"over search.minutes_per_trial = {running.job.minutes:g}"
                )
            )
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
        for actor in (*self._idle, *self._starting.values(), *(r.actor for r in self._running.values())):
            self._ray.kill(actor)
        if self._owns:
            self._ray.shutdown()


def _reach(address: str) -> None:
    """Refuse an address at which nobody listens: Ray would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():  # "auto" and the like
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"search.ray_address: nobody listens at {address} ({error})") from None


class _Worker:
    """The Ray actor: a process that runs jobs one after the other, on no more than its share of the GPU's memory."""

    def __init__(self, work: Work, gpus: float) -> None:
        self._work = work
        self._prepare = prepare if work is run else None
        if 0 < gpus < 1:
            import torch

            torch.cuda.set_per_process_memory_fraction(gpus)

    def ready(self) -> bool:
        return True

    def prepare(self, job: Job) -> None:
        if self._prepare is not None:
            self._prepare(job)

    def run(self, job: Job) -> Outcome:
        return self._work(job)
