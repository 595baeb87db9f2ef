"""How much of a GPU's memory a finetune takes, counted where there is no GPU.

A step is walked with torch's fake tensors, which have shapes and types but no values, as the device's mixed precision
would run it; what autograd keeps for the backward pass is added up.
"""

import contextlib
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from transformers import PreTrainedConfig

from evaluators.data.batches import Batch
from evaluators.models.families import build
from evaluators.quantization.insert import insert_quantizers, set_precisions
from evaluators.settings import FinetuneSettings
from evaluators.training.losses import Teacher, distillation_loss, teacher_of
from spaces.architecture import SAMPLE_RATE, Layer
from spaces.assignment import Assignment

_UTTERANCE = 10  # seconds: about LibriSpeech's mean
_TRAINED = 16  # bytes a weight: itself, its gradient and Adam's two moments in float32
_TAUGHT = 4  # bytes of a teacher's weight
_CONTEXT = 0.8  # 10^9 bytes of CUDA's context and library workspaces: a guess
_SPARE = 0.9  # of a card, the rest for pieces that no tensor fits into


@dataclass(frozen=True)
class StepMemory:
    """Memory of a finetune step on a GPU, in 10^9 bytes: ``fixed``, and ``a_second`` for each second of audio."""

    fixed: float
    a_second: float

    def of(self, seconds: float) -> float:
        """What a step of so much audio takes at once."""
        return self.fixed + self.a_second * seconds

    def fits(self, card: float) -> int:
        """The most seconds of audio at once on a card of ``card`` times 10^9 bytes."""
        return max(0, int((_SPARE * card - self.fixed) / self.a_second))


def count_step_memory(
    config: PreTrainedConfig, layers: Sequence[Layer], assignment: Assignment, settings: FinetuneSettings
) -> StepMemory:
    """Count a finetune at an assignment, teacher included; CTC's own tables, a few megabytes, are left out."""
    without_ctc = settings.model_copy(update={"ctc_weight": 0.0, "logit_weight": settings.logit_weight or 1.0})
    config = copy.deepcopy(config)
    config.mask_time_prob = config.mask_feature_prob = 0.0  # a finetune masks nothing
    with fake_gpu():
        teacher, student = (build(config, 0).eval() for _ in range(2))
        insert_quantizers(student, layers, [assignment])
        set_precisions(student, layers, assignment)
        teach = teacher_of(teacher, without_ctc)
        fixed = _TRAINED * _numbers(student) + _TAUGHT * _numbers(teacher)
        one, two = (_kept(student, _silence(count), teach, without_ctc) for count in (1, 2))
    return StepMemory(_CONTEXT + (fixed + 2 * one - two) / 1e9, (two - one) / _UTTERANCE / 1e9)


@contextlib.contextmanager
def fake_gpu() -> Iterator[None]:
    """Tensors on "cuda" that hold nothing, under CUDA's rules of mixed precision, with or without a GPU."""
    fake = FakeTensorMode(shape_env=ShapeEnv(allow_scalar_outputs=True, allow_dynamic_output_shape_ops=True))
    # autocast turns itself off, and the compiler fails, where they find no driver
    with (
        patch("torch.cuda.amp.common.amp_definitely_not_available", lambda: False),
        patch.object(torch.cuda, "is_bf16_supported", lambda: True),
        torch.compiler.set_stance("force_eager"),
        fake,
        torch.device("cuda"),
    ):
        yield


def _numbers(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _silence(utterances: int) -> Batch:
    samples, characters = _UTTERANCE * SAMPLE_RATE, 12 * _UTTERANCE
    return Batch(
        torch.zeros(utterances, samples), torch.ones(utterances, samples, dtype=torch.long),
        torch.ones(utterances * characters, dtype=torch.long), torch.full((utterances,), characters),
        tuple(range(utterances)),
    )  # fmt: skip


def _kept(student: nn.Module, batch: Batch, teach: Teacher, settings: FinetuneSettings) -> int:
    """Bytes of what the backward pass will need, and of the teacher's outputs; each storage counts once."""
    weights = {p.untyped_storage()._cdata for p in student.parameters()}
    storages: dict[int, int] = {}
    alive: list[Tensor] = []  # so that no storage's address is given twice

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            size = storage.nbytes()
            # no number where it hangs on values: the logits of frames that are no padding, which are small
            storages[storage._cdata] = size if isinstance(size, int) else 0
            alive.append(tensor)
        return tensor

    target = teach(batch)
    for tensor in (target.logits, *target.blocks, *target.attentions):
        keep(tensor)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = distillation_loss(student, batch, target, settings)
    del loss
    return sum(storages.values())
