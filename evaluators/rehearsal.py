"""A rehearsal of a candidate on this machine: step time and memory with random weights and made-up audio.

Needs neither checkpoint nor corpus, so that a study can be priced before anything is fetched.
"""

import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig

from evaluators.data.batches import Batch
from evaluators.models.families import build
from evaluators.models.forward import CtcModel, frames, logits
from evaluators.models.superb import HeadedModel
from evaluators.quantization.insert import calibrate, insert_quantizers, set_precisions
from evaluators.settings import FinetuneSettings, SuperbSettings
from evaluators.training.loop import optimise
from evaluators.training.losses import ctc_loss, distillation_loss, teacher_of
from spaces.architecture import SAMPLE_RATE, Layer
from spaces.assignment import Assignment

_UTTERANCE = 10.0  # seconds: about LibriSpeech's mean
_CPU_SECONDS = 10.0  # of audio at most on a CPU, where a full batch would take minutes
_STEPS = 3
OnStep = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Rehearsal:
    """What a candidate takes on a device.

    Attributes:
        batch_seconds: of audio in a rehearsed step.
        step_seconds: of one finetune step with all of the study's batch, scaled up where less was rehearsed.
        scored_a_second: seconds of audio that are scored in a second.
        memory_gb: peak, of the GPU's memory or of the process; 10^9 bytes.
        head_seconds: of one step of SUPERB's head with all of its batch, where the study trains one.
    """

    device: str
    batch_seconds: float
    step_seconds: float
    scored_a_second: float
    memory_gb: float
    head_seconds: float | None = None


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
    config: PreTrainedConfig,
    layers: Sequence[Layer],
    assignment: Assignment,
    settings: FinetuneSettings,
    superb: SuperbSettings | None = None,
    on_step: OnStep | None = None,
) -> Rehearsal:
    """Take a few finetune steps at an assignment, teacher included, and score a batch; train a head where asked for.

    Args:
        on_step: called with the steps taken, their number, and the loss of the last one.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    seconds = settings.batch_seconds if device.type == "cuda" else min(settings.batch_seconds, _CPU_SECONDS)
    batch = made_up_batch(seconds, _UTTERANCE, config.vocab_size, device)
    student = build(config, seed=0)
    insert_quantizers(student, layers, [assignment])
    student.to(device).eval()
    calibrate(student, batch)
    set_precisions(student, layers, assignment)
    teach = teacher_of(build(config, seed=0).to(device), settings)
    steps = _STEPS * (1 if superb is None else 2)

    def told(before: int) -> Callable[[int, float], None]:
        return lambda step, loss: on_step(before + step, steps, loss) if on_step else None

    step = _step_seconds(student, lambda: distillation_loss(student, batch, teach(batch), settings), device, told(0))
    with torch.inference_mode():
        logits(student, batch)
        started = _now(device)
        logits(student, batch)
        score = _now(device) - started
    used = torch.cuda.max_memory_allocated() if device.type == "cuda" else 1024 * _peak_kilobytes()
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    seconds_run = len(batch.audio) * batch.audio.shape[1] / SAMPLE_RATE
    head = None
    if superb is not None:
        head = _head_seconds(student, batch, superb, told(_STEPS)) * superb.batch_seconds / seconds_run
    step *= settings.batch_seconds / seconds_run
    return Rehearsal(name, seconds_run, step, seconds_run / score, round(used / 1e9, 2), head)


def _step_seconds(
    module: nn.Module, loss: Callable[[], Tensor], device: torch.device, on_step: Callable[[int, float], None]
) -> float:
    ends = [time.perf_counter()]

    def ended(step: int, value: float) -> None:
        ends.append(_now(device))
        on_step(step, value)

    optimise(module, lambda _: [loss()], steps=_STEPS, learning_rate=1e-6, warmup=0.0, on_step=ended)
    return statistics.median(b - a for a, b in pairwise(ends[1:]))  # the first one warms up


def _head_seconds(
    speech: CtcModel, batch: Batch, superb: SuperbSettings, on_step: Callable[[int, float], None]
) -> float:
    model = HeadedModel(speech, speech.config.vocab_size, superb).train()

    def loss() -> Tensor:
        return ctc_loss(model, model.hear(batch.audio, batch.mask, frames(model, batch)), batch)

    return _step_seconds(model.head, loss, batch.audio.device, on_step)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def _peak_kilobytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
