"""A rehearsal of a candidate on this machine: step time and memory with random weights and made-up audio.

Needs neither checkpoint nor corpus, so that a study can be priced before anything is fetched.
"""

import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from transformers import HubertConfig

from evaluators.batches import Batch
from evaluators.distill import distillation_loss, teacher_of
from evaluators.hubert import build
from evaluators.optimise import optimise
from evaluators.quantize import calibrate, insert_quantizers, ladder_assignments, set_precisions
from evaluators.scoring import logits
from evaluators.settings import FinetuneSettings
from evaluators.supernet import SUPERNET_BITS
from spaces.architecture import SAMPLE_RATE, Layer
from spaces.assignment import Assignment

_UTTERANCE = 10.0  # seconds: about LibriSpeech's mean
_CPU_SECONDS = 10.0  # of audio at most on a CPU, where a full batch would take minutes
_STEPS = 3


@dataclass(frozen=True)
class Rehearsal:
    """What a candidate takes on a device.

    Attributes:
        batch_seconds: of audio in a rehearsed step.
        step_seconds: of one finetune step with all of the study's batch, scaled up where less was rehearsed.
        scored_a_second: seconds of audio that are scored in a second.
        memory_gb: peak, of the GPU's memory or of the process; 10^9 bytes.
    """

    device: str
    batch_seconds: float
    step_seconds: float
    scored_a_second: float
    memory_gb: float


def made_up_batch(seconds: float, each: float, vocabulary: int, device: torch.device) -> Batch:
    """Noise of ``seconds`` in utterances of ``each``, with random transcripts of 12 characters a second."""
    each = min(seconds, each)
    count, samples = max(1, round(seconds / each)), round(each * SAMPLE_RATE)
    generator = torch.Generator().manual_seed(0)
    audio = torch.randn(count, samples, generator=generator)
    lengths = torch.full((count,), max(1, round(12 * each)))
    targets = torch.randint(1, vocabulary, (int(lengths.sum()),), generator=generator)
    return Batch(audio, torch.ones(count, samples, dtype=torch.long), targets, lengths, tuple(range(count))).to(device)


def rehearse(
    config: HubertConfig, layers: Sequence[Layer], assignment: Assignment, settings: FinetuneSettings
) -> Rehearsal:
    """Take a few finetune steps at an assignment, teacher included, and score a batch."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    seconds = settings.batch_seconds if device.type == "cuda" else min(settings.batch_seconds, _CPU_SECONDS)
    batch = made_up_batch(seconds, _UTTERANCE, config.vocab_size, device)
    student = build(config, seed=0)
    insert_quantizers(student, layers, ladder_assignments(layers, SUPERNET_BITS))
    student.to(device).eval()
    calibrate(student, batch)
    set_precisions(student, layers, assignment)
    teach = teacher_of(build(config, seed=0).to(device), settings)
    ends = [time.perf_counter()]

    def ended(_step: int, _loss: float) -> None:
        ends.append(_now(device))

    optimise(
        student, lambda _: [distillation_loss(student, batch, teach(batch), settings)],
        steps=_STEPS, learning_rate=1e-6, warmup=0.0, on_step=ended,
    )  # fmt: skip
    step = statistics.median(b - a for a, b in pairwise(ends[1:]))  # the first one warms up
    with torch.inference_mode():
        logits(student, batch)
        started = _now(device)
        logits(student, batch)
        score = _now(device) - started
    used = torch.cuda.max_memory_allocated() if device.type == "cuda" else 1024 * _peak_kilobytes()
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    heard = len(batch.audio) * batch.audio.shape[1] / SAMPLE_RATE
    return Rehearsal(name, heard, step * settings.batch_seconds / heard, heard / score, round(used / 1e9, 2))


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def _peak_kilobytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
