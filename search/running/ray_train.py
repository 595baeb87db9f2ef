"""A training in several processes, through Ray Train: process group, restarts after a loss, what is told meanwhile."""

import logging
import math
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evaluators.errors import DivergedError
from evaluators.training.ranks import Ranks
from search.running.ray_cluster import connect
from search.study.sections import SearchSettings
from spaces import UserError

OnStep = Callable[[int, float], None]
Work = Callable[[str, Ranks, OnStep], None]

_LOSSES = 5  # of a process, before a training gives up; each goes on from the last resume point
_END = None


def train_together(
    work: Work, study: str, processes: int, settings: SearchSettings, folder: Path, on_step: OnStep
) -> None:
    """Run ``work`` in so many processes of a process group, on GPUs where the cluster has as many; wait for its end.

    Args:
        work: a function of a module, called in each process with ``study``, its rank and what to tell steps to.
        study: the study file as ``StudyFile.shipped``.
        folder: where Ray Train keeps its records; all machines have to see it.

    Raises:
        UserError: as the work does; where Ray Train is not installed; where processes were lost too often.
        DivergedError: as the work does.
    """
    os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")  # a study's paths may hang on the current folder
    owns = connect(settings, math.ceil(processes * settings.cpus_per_trial))
    import ray

    try:
        _fit(work, study, processes, settings, folder, on_step)
    finally:
        if owns:
            ray.shutdown()


def _fit(work: Work, study: str, processes: int, settings: SearchSettings, folder: Path, on_step: OnStep) -> None:
    try:
        import ray
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer
        from ray.train.v2.api.exceptions import TrainingFailedError
        from ray.util.queue import Queue
    except ImportError:
        raise UserError("processes: more than one need Ray Train; pip install 'hubits[train]'") from None

    logging.getLogger("ray.train").setLevel(logging.ERROR)
    told = Queue(actor_options={"num_cpus": 0})
    on_gpus = ray.cluster_resources().get("GPU", 0) >= processes  # type: ignore[no-untyped-call]
    resources = {"CPU": settings.cpus_per_trial} | ({"GPU": 1} if on_gpus else {})
    trainer = TorchTrainer(
        _process,
        train_loop_config={"work": work, "study": study, "told": told},
        scaling_config=ScalingConfig(num_workers=processes, use_gpu=on_gpus, resources_per_worker=resources),
        run_config=RunConfig(
            name="training", storage_path=str(folder.absolute()), failure_config=FailureConfig(max_failures=_LOSSES)
        ),
    )  # fmt: skip
    mistakes: list[Exception] = []
    listener = threading.Thread(target=_listen, args=(told, on_step, mistakes), daemon=True)
    listener.start()
    try:
        trainer.fit()
    except TrainingFailedError as error:
        why = (str(error).strip().splitlines() or ["?"])[-1]
        raise UserError(f"the training lost processes more than {_LOSSES} times; the last time: {why}") from None
    finally:
        told.put(_END)
        listener.join(10)
    if mistakes:
        raise mistakes[0]


def _listen(told: Any, on_step: OnStep, mistakes: list[Exception]) -> None:
    """Hand on what the first process tells, and keep the mistakes that any of them found."""
    while (entry := told.get()) is not _END:
        if isinstance(entry, Exception):
            mistakes.append(entry)
        else:
            on_step(*entry)


def _process(config: dict[str, Any]) -> None:
    """What each process runs; a user's mistake ends it without another try."""
    import ray.train.torch
    import torch

    if torch.cuda.is_available():  # Ray lets the processes of a machine see all of its GPUs
        torch.cuda.set_device(ray.train.torch.get_device())
    context = ray.train.get_context()
    ranks, told = Ranks(context.get_world_rank(), context.get_world_size()), config["told"]

    def on_step(step: int, loss: float) -> None:
        if ranks.first:
            told.put((step, loss))

    try:
        config["work"](config["study"], ranks, on_step)
    except (UserError, DivergedError) as error:
        told.put(error)
