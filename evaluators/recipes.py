"""The recipes of arXiv 2301.00652 beside our own, for comparisons: which quantizers, on which layers, with which loss.

- ``bit-la``: BiT's elastic quantization (arXiv 2205.13016) of the blocks' linears and of the attention products.
- ``bit-l``: the same without the products.
- ``sqwq``: squashed weights under a regularizer, 8-bit inputs, without the products.

All of them, and our own quantizers beside them, learn from the float model by the paper's distillation, which from
there is better than the loss of our short finetune from the supernet. Where the paper leaves a choice open, ours is
named in the docstring. The checkpoints are not packed: what is measured is the fake-quantized model.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from transformers import HubertForCTC

from evaluators.batches import Batch
from evaluators.distill import LossWeights, Outputs, outputs, split_lesson, valid_frames, valid_pairs
from evaluators.modules import ProductQuantizers, QuantLinear
from evaluators.optimise import optimise
from evaluators.quantize import calibrate, insert_quantizers, ladder_assignments, set_precisions
from evaluators.quantizers import ActivationQuantizer, Levels, binarize, levels, round_to
from evaluators.settings import FinetuneSettings, RecipeName
from spaces.architecture import Layer
from spaces.assignment import Assignment
from spaces.precision import Precision

_BITS = (1, 2, 4, 8)
_SQUASHED_STD = 0.5  # the regularizer's target; the paper does not say its own
_REGULARIZER = 1e-2  # its weight, likewise


def recipe_assignment(layers: Sequence[Layer], recipe: RecipeName, bits: int) -> Assignment:
    """What a recipe quantizes at a width: the row of that name in the paper's Table 1; hubits as bit-la."""
    inputs = 8 if recipe == "sqwq" else bits
    products = recipe in ("hubits", "bit-la")
    wanted = [x for x in layers if x.block is not None and (x.kind == "linear" or products)]
    return Assignment({x.name: Precision(inputs if x.kind == "product" else bits, inputs) for x in wanted})


def recipe_settings(settings: FinetuneSettings) -> FinetuneSettings:
    """A finetune that asks the float model for what the paper's distillation compares."""
    weights = {"ctc_weight": 0.0, "logit_weight": 1.0, "block_weight": 1.0, "attention_weight": 1.0}
    return settings.model_copy(update=weights)


def start_recipe(float_model: HubertForCTC, layers: Sequence[Layer], recipe: RecipeName, batch: Batch) -> HubertForCTC:
    """A copy of the float model with a recipe's quantizers for 1 to 8 bits, activations calibrated on a batch."""
    student = copy.deepcopy(float_model)
    insert_recipe(student, layers, ladder_assignments(layers, _BITS), recipe)
    student.to(batch.audio.device)
    # at 8 bits, near what the float model hears
    set_precisions(student, layers, recipe_assignment(layers, recipe, max(_BITS)))
    calibrate(student, batch)
    return student.requires_grad_(True)


def train_recipe(
    student: HubertForCTC,
    lesson: Callable[[int], tuple[Batch, Outputs]],
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
        batch, target = lesson(step)
        whole = valid_frames(student, batch, target)
        for part, goal in split_lesson(batch, target, accumulation):
            yield papers_loss(student, part, goal, settings, whole)

    student.eval()
    optimise(
        student, losses, steps=settings.steps, learning_rate=settings.learning_rate, warmup=0.1, on_step=on_step
    )  # fmt: skip


def papers_loss(
    student: HubertForCTC, batch: Batch, target: Outputs, weights: LossWeights, whole: Tensor | None = None
) -> Tensor:
    """The paper's distillation, and SqWQ's regularizer on squashed weights.

    Mean squared error of the output, plus that of every block's output and of its attention weights. Where the batch is
    a part of a larger one, ``whole`` says which frames of that one are valid, bool (batch, frames).
    """
    own, valid = outputs(student, batch, weights), valid_frames(student, batch, target)
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


def insert_recipe(
    model: HubertForCTC, layers: Sequence[Layer], assignments: Iterable[Assignment], recipe: RecipeName
) -> None:
    """Give some layers a recipe's quantizers, in place; activations want ``calibrate`` afterwards."""
    insert_quantizers(model, layers, assignments)
    for layer in layers if recipe != "hubits" else ():
        module = model.get_submodule(layer.path)
        if layer.kind == "product" and hasattr(module, "products"):
            products: ProductQuantizers = module.products
            for operand, quantizer in products.operands(layer.name.rsplit(".", 1)[1]):
                each = () if operand == "softmax" else (layer.channels, 1, layer.inputs)
                setattr(products, f"{operand}_quantizer", ElasticActivation(quantizer, each))
        elif isinstance(module, QuantLinear):
            bits = tuple(map(int, module.weight_quantizer.log_scale))
            kind = SquashedWeight if recipe == "sqwq" else ElasticWeight
            setattr(module, "weight_quantizer", kind(module.weight, bits))  # noqa: B010 - of another class than ours
            if recipe != "sqwq":
                module.input_quantizer = ElasticActivation(module.input_quantizer, ())


class ElasticWeight(nn.Module):
    """BiT's weights: a learned scale and threshold for the whole tensor, a sign(W - b) at 1 bit, integers above."""

    def __init__(self, weight: Tensor, bits: tuple[int, ...]) -> None:
        super().__init__()
        centre = weight.detach().mean()
        shifted = (weight.detach() - centre).flatten()
        self.log_scale = nn.ParameterDict({str(b): _least_error(shifted, b).log() for b in bits})
        self.threshold = nn.ParameterDict({str(b): centre.clone() for b in bits})

    def forward(self, weight: Tensor, bits: int) -> Tensor:
        """Quantize a weight of any shape."""
        return _elastic(weight, self.log_scale[str(bits)].exp(), bits, self.threshold[str(bits)])


class ElasticActivation(ActivationQuantizer):
    """BiT's activations: a learned scale a tensor, and a threshold a tensor or, for query, key and value, a channel.

    BiT swaps GELU for ReLU to have values that are never negative; here a trained model keeps its GELU, whose outputs
    are quantized as values of both signs.
    """

    def __init__(self, source: ActivationQuantizer, thresholds: tuple[int, ...]) -> None:
        bits = tuple(map(int, source.log_scale))
        super().__init__(bits, "nonnegative" if source.form == "nonnegative" else "signed")
        self.shift = nn.ParameterDict({str(b): torch.zeros(thresholds) for b in bits})

    def forward(self, value: Tensor, bits: int) -> Tensor:
        """Quantize; (..., channels) or (batch, heads, time, channels)."""
        if self.calibrating:
            self._calibrate(value)
            return value
        scale, shift = self.scale(bits), self.shift[str(bits)]
        if self.form == "nonnegative":
            return round_to(value, scale, Levels(0.0, 2.0**bits - 1), shift)
        return _elastic(value, scale, bits, shift)

    @torch.no_grad()
    def _calibrate(self, value: Tensor) -> None:
        """Start at 2 mean |x| / sqrt(largest level), or 4 for values that are never negative, as BiT does."""
        mean = value.detach().float().abs().mean().clamp_min(1e-5)
        for bits, log_scale in self.log_scale.items():
            nonnegative = self.form == "nonnegative"
            largest = 2 ** int(bits) - 1 if nonnegative else max(1, 2 ** (int(bits) - 1) - 1)
            log_scale.fill_(((4 if nonnegative else 2) * mean / largest**0.5).log())


class SquashedWeight(nn.Module):
    """SqWQ: Q(tanh W) e^g with a gain for each output channel.

    Q has the levels of our 2-bit form at 2 bits and evenly spaced integers above; the paper does not say. A trained
    weight is far smaller than what tanh squashes, so W is it times a constant that starts it at the regularizer's
    target; kept outside of the weight, the constant lets a step of Adam change W by the share that it changes others.
    """

    stretch: Tensor

    @torch.no_grad()
    def __init__(self, weight: Tensor, bits: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("stretch", _SQUASHED_STD / weight.detach().std())
        self.log_gain = nn.ParameterDict()
        for b in bits:
            codes = self._squashed(weight.detach(), b)
            fitted = (weight.detach() * codes).sum(1) / codes.square().sum(1).clamp_min(1e-8)
            self.log_gain[str(b)] = fitted.clamp_min(1e-5).log()

    def forward(self, weight: Tensor, bits: int) -> Tensor:
        """Quantize a weight (channels, inputs)."""
        return self._squashed(weight, bits) * self.log_gain[str(bits)].exp()[:, None]

    def regularizer(self, weight: Tensor) -> Tensor:
        """The squared distances of W's standard deviation and mean from their targets."""
        stretched = weight * self.stretch
        return (stretched.std() - _SQUASHED_STD) ** 2 + stretched.mean() ** 2

    def _squashed(self, weight: Tensor, bits: int) -> Tensor:
        value, one = (weight * self.stretch).tanh(), torch.ones((), device=weight.device)
        if bits == 1:
            return binarize(value, one)
        top = 2.0 ** (bits - 1) - 1
        return round_to(value, one, levels(2, "signed") if bits == 2 else Levels(-top, top, steps=top))


def _elastic(value: Tensor, scale: Tensor, bits: int, shift: Tensor | None = None) -> Tensor:
    return binarize(value, scale, shift) if bits == 1 else round_to(value, scale, _integers(bits), shift)


def _integers(bits: int) -> Levels:
    """Learned step's levels, at 2 bits too: -2, -1, 0, 1."""
    return Levels(-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1)


@torch.no_grad()
def _least_error(values: Tensor, bits: int) -> Tensor:
    """Where a scale for some values starts: mean |x| at 1 bit, the least squared error of a grid above."""
    if bits == 1:
        return values.abs().mean().clamp_min(1e-5)
    full = values.abs().max().clamp_min(1e-5) / _integers(bits).high
    scales = full * torch.logspace(-1.5, 0.25, 36, device=values.device)
    errors = torch.stack([(_elastic(values, s, bits) - values).square().mean() for s in scales])
    return scales[errors.argmin()]
