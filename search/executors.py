"""Where jobs run: in this process, or on Ray workers, behind one protocol."""

import logging
import os
from collections import deque
from typing import Any, Protocol

from search.study_file import SearchSettings
from search.worker import Job, Outcome, run
from spaces import UserError


class Executor(Protocol):
    """Runs jobs; never raises for what a job did."""

    @property
    def free(self) -> int:
        """How many more jobs can be taken right now."""
        ...

    def submit(self, job: Job) -> None:
        """Take a job; there must be room."""
        ...

    def wait(self, seconds: float) -> list[Outcome]:
        """Finished jobs, at least one unless the time runs out."""
        ...

    def close(self) -> None:
        """Give everything back; jobs still running are dropped."""
        ...


class InlineExecutor:
    """One job at a time in this process, run while it is waited for."""

    def __init__(self) -> None:
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
        outcome = run(job)
        self._waiting.popleft()
        return [outcome]

    def close(self) -> None:
        """See ``Executor``."""
        self._waiting.clear()


class RayExecutor:
    """A fixed number of Ray actors, each of which keeps the study's models and corpora between its jobs.

    An actor whose job failed or which died is replaced by a fresh one.

    Raises:
        UserError: if Ray cannot offer what one worker asks for.
    """

    def __init__(self, settings: SearchSettings) -> None:
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # Ray's own default; said aloud it does not warn
        import ray

        self._ray = ray
        cpus = max(1.0, settings.workers * settings.cpus_per_trial)
        if not ray.is_initialized():
            ray.init(num_cpus=int(cpus), include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
                     configure_logging=False)  # fmt: skip
        self._settings = settings
        offered: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        for resource, need in (("CPU", settings.cpus_per_trial), ("GPU", settings.gpus_per_trial)):
            if offered.get(resource, 0) < need:
                raise UserError(
                    f"search.{resource.lower()}s_per_trial: {need:g} asked for, Ray has {offered.get(resource, 0):g}"
                )
        self._idle: list[Any] = [self._start() for _ in range(settings.workers)]
        self._running: dict[Any, tuple[Job, Any]] = {}

    def _start(self) -> Any:
        options: dict[str, Any] = {"num_cpus": self._settings.cpus_per_trial, "max_restarts": 0}
        if self._settings.gpus_per_trial:
            options["num_gpus"] = self._settings.gpus_per_trial
        return self._ray.remote(_Worker).options(**options).remote()

    @property
    def free(self) -> int:
        """See ``Executor``."""
        return len(self._idle)

    def submit(self, job: Job) -> None:
        """See ``Executor``."""
        actor = self._idle.pop()
        self._running[actor.run.remote(job)] = (job, actor)

    def wait(self, seconds: float) -> list[Outcome]:
        """See ``Executor``."""
        if not self._running:
            return []
        done, _ = self._ray.wait(list(self._running), num_returns=1, timeout=seconds)
        outcomes = []
        for reference in done:
            job, actor = self._running.pop(reference)
            outcome = self._outcome(job, reference)
            if outcome.failure:
                self._ray.kill(actor)
                actor = self._start()
            self._idle.append(actor)
            outcomes.append(outcome)
        return outcomes

    def _outcome(self, job: Job, reference: Any) -> Outcome:
        exceptions = self._ray.exceptions
        try:
            outcome: Outcome = self._ray.get(reference)
            return outcome
        except exceptions.OutOfMemoryError as error:
            return Outcome(job, None, "out_of_memory", str(error).splitlines()[0], str(error))
        except (exceptions.ActorDiedError, exceptions.ActorUnavailableError, exceptions.WorkerCrashedError) as error:
            return Outcome(job, None, "worker_lost", str(error).splitlines()[0], str(error))

    def close(self) -> None:
        """See ``Executor``."""
        self._ray.shutdown()


class _Worker:
    """The Ray actor: a process that runs jobs one after the other."""

    def run(self, job: Job) -> Outcome:
        return run(job)


def make_executor(settings: SearchSettings) -> Executor:
    """The executor that a study asks for."""
    return RayExecutor(settings) if settings.executor == "ray" else InlineExecutor()
