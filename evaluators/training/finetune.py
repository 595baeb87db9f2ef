"""The short quantization-aware finetune of one candidate, from the supernet, under the float model's eyes."""

from collections.abc import Callable, Iterator, Sequence

import torch

from evaluators.data.batches import Batch
from evaluators.models.forward import CtcModel
from evaluators.quantization.insert import set_precisions
from evaluators.settings import FinetuneSettings
from evaluators.training.loop import optimise
from evaluators.training.losses import Outputs, distillation_loss, split_outputs, totals
from spaces.architecture import Architecture, Layer
from spaces.assignment import Assignment


def finetune_steps(settings: FinetuneSettings, architecture: Architecture, assignment: Assignment) -> int:
    """The budget in steps: fewer bits a weight get more, up to ``low_bit_steps`` at 1 bit; from 2 bits on none."""
    low = max(0.0, min(1.0, 2.0 - assignment.mean_bits(architecture)))
    return settings.steps + round(settings.low_bit_steps * low)


def finetune(
    student: CtcModel,
    teaching: Callable[[int], tuple[Batch, Outputs]],
    layers: Sequence[Layer],
    assignment: Assignment,
    settings: FinetuneSettings,
    steps: int,
    accumulation: int = 1,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train a supernet in place at one assignment.

    Args:
        student: starts as the supernet; only the scales that the assignment uses get gradients.
        teaching: the batch of a step and what the float model makes of it.
        layers: the layers that have quantizers.
        accumulation: in how many parts a batch is worked through; their gradients add up to the whole batch's.

    Raises:
        DivergedError: if the loss is not finite.
    """
    set_precisions(student, layers, assignment)

    def losses(step: int) -> Iterator[torch.Tensor]:
        batch, target = teaching(step)
        whole = totals(student, batch, target)
        for part, goal in split_outputs(batch, target, accumulation):
            yield distillation_loss(student, part, goal, settings, whole)

    student.eval()  # no dropout, no masking: the teacher has none either, and twenty steps cannot average it out
    optimise(
        student, losses, steps=steps, learning_rate=settings.learning_rate, warmup=0.1, on_step=on_step
    )  # fmt: skip
