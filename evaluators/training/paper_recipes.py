"""The recipes of arXiv 2301.00652 beside our own, for comparisons: which quantizers, on which layers, with which loss.

- ``bit-la``: BiT's elastic quantization (arXiv 2205.13016) of the blocks' linears and of the attention products.
- ``bit-l``: the same without the products.
- ``sqwq``: squashed weights under a regularizer, 8-bit inputs, without the products.

All of them, and our own quantizers beside them, learn from the float model by the paper's distillation, which from
there is better than the loss of our short finetune from the supernet. Where the paper leaves a choice open, ours is
named in the docstring of ``evaluators.quantization.paper``. The checkpoints are not packed: what is measured is the
fake-quantized model.
"""

import copy
from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from evaluators.costs.paper import recipe_assignment
from evaluators.data.batches import Batch
from evaluators.models.forward import CtcModel, valid_frames
from evaluators.quantization.insert import calibrate, ladder_assignments, set_precisions
from evaluators.quantization.layers import QuantLinear
from evaluators.quantization.paper import SquashedWeight, insert_recipe
from evaluators.settings import FinetuneSettings
from evaluators.training.loop import optimise
from evaluators.training.losses import LossWeights, Outputs, outputs, split_outputs, valid_pairs
from spaces.architecture import Layer
from spaces.assignment import Assignment
from spaces.precision import bit_format

_BITS = (1, 2, 4, 8)
_REGULARIZER = 1e-2  # weight of SqWQ's regularizer; the paper does not say its own


def start_recipe(float_model: CtcModel, layers: Sequence[Layer], recipe: str, batch: Batch) -> CtcModel:
    """A copy of the float model with a recipe's quantizers for 1 to 8 bits, activations calibrated on a batch."""
    student = copy.deepcopy(float_model)
    insert_recipe(student, layers, ladder_assignments(layers, map(bit_format, _BITS)), recipe)
    student.to(batch.audio.device)
    # at 8 bits, near what the float model hears
    set_precisions(student, layers, recipe_assignment(layers, recipe, max(_BITS)))
    calibrate(student, batch)
    return student.requires_grad_(True)


def train_recipe(
    student: CtcModel,
    teaching: Callable[[int], tuple[Batch, Outputs]],
    layers: Sequence[Layer],
    assignment: Assignment,
    settings: FinetuneSettings,
    accumulation: int = 1,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train a started recipe in place at one assignment for ``settings.steps``.

    Args:
        accumulation: in how many parts a batch is worked through; their gradients add up to the whole batch's.

    Raises:
        DivergedError: if the loss is not finite.
    """
    set_precisions(student, layers, assignment)

    def losses(step: int) -> Iterator[Tensor]:
        batch, target = teaching(step)
        whole = valid_frames(student, batch, target.logits.shape[1])
        for part, goal in split_outputs(batch, target, accumulation):
            yield papers_loss(student, part, goal, settings, whole)

    student.eval()
    optimise(
        student, losses, steps=settings.steps, learning_rate=settings.learning_rate, warmup=0.1, on_step=on_step
    )  # fmt: skip


def papers_loss(
    student: CtcModel, batch: Batch, target: Outputs, weights: LossWeights, whole: Tensor | None = None
) -> Tensor:
    """The paper's distillation, and SqWQ's regularizer on squashed weights.

    Mean squared error of the output, plus that of every block's output and of its attention weights. Where the batch is
    a part of a larger one, ``whole`` says which frames of that one are valid, bool (batch, frames).
    """
    own, valid = outputs(student, batch, weights), valid_frames(student, batch, target.logits.shape[1])
    whole = valid if whole is None else whole
    frames, pairs = whole.sum(), valid_pairs(whole).sum()
    loss = _mean_square(own.logits, target.logits, valid[:, :, None], frames * own.logits.shape[-1])
    for mine, theirs in zip(own.blocks, target.blocks, strict=True):
        loss = loss + _mean_square(mine, theirs, valid[:, :, None], frames * mine.shape[-1])
    for mine, theirs in zip(own.attentions, target.attentions, strict=True):
        loss = loss + _mean_square(mine, theirs, valid_pairs(valid), pairs * mine.shape[1])
    share = _REGULARIZER * valid.sum() / frames
    for module in student.modules():
        if isinstance(module, QuantLinear) and isinstance(module.weight_quantizer, SquashedWeight):
            loss = loss + share * module.weight_quantizer.regularizer(module.weight)
    return loss


def _mean_square(own: Tensor, target: Tensor, valid: Tensor, count: Tensor) -> Tensor:
    return ((own.float() - target.float()).square() * valid).sum() / count
