"""What a worker keeps between its jobs: each study's evaluator, with models and corpora."""

import functools
import time
from collections.abc import Callable
from pathlib import Path

import torch

from evaluators.evaluator import Evaluator
from evaluators.settings import FinetuneSettings
from search.running.job import Job, TimeLimitError
from search.study.study_file import StudyFile
from spaces import Layer


@functools.cache
def study_evaluator(study: str) -> tuple[StudyFile, Evaluator]:
    """A shipped study file and its evaluator, loaded once a process."""
    file = StudyFile.arrived(study)
    return file, evaluator_of(file, file.search_space.layers, file.model.supernet, file.finetune)


def evaluator_of(
    file: StudyFile, layers: tuple[Layer, ...], supernet: Path | None, settings: FinetuneSettings
) -> Evaluator:
    """An evaluator of some layers of a study's model, on as many threads as the study gives a trial."""
    torch.set_num_threads(max(1, int(file.search.cpus_per_trial)))
    weights, activations = file.search_space.formats
    return Evaluator(
        file.model.folder, supernet, layers, {*weights, *activations}, file.corpora.train, file.corpora.dev, settings,
        file.superb,
    )  # fmt: skip


def watch(job: Job) -> Callable[[int, float], None]:
    """What a training calls after every step, so that it stops when its time is over; the clock starts here."""
    started = time.monotonic()

    def on_step(step: int, _loss: float) -> None:
        if job.minutes is not None and time.monotonic() - started > 60 * job.minutes:
            raise TimeLimitError(f"over search.minutes_per_trial = {job.minutes:g} after {step} steps")

    return on_step
