"""The quantizers of arXiv 2301.00652's recipes, for comparisons with ours.

BiT's elastic quantization (arXiv 2205.13016), and SqWQ's squashed weights. Where the paper leaves a choice open, ours
is named in the docstring.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from evaluators.costs.paper import OURS
from evaluators.models.forward import CtcModel
from evaluators.quantization.insert import insert_quantizers
from evaluators.quantization.layers import ProductQuantizers, QuantLinear
from evaluators.quantization.quantizers import ActivationQuantizer, binarize, round_to
from spaces.architecture import Layer
from spaces.assignment import Assignment
from spaces.precision import BitFormat, Levels

_SQUASHED_STD = 0.5  # the regularizer's target; the paper does not say its own


class ElasticWeight(nn.Module):
    """BiT's weights: a learned scale and threshold for the whole tensor, a sign(W - b) at 1 bit, integers above."""

    def __init__(self, weight: Tensor, forms: Sequence[BitFormat]) -> None:
        super().__init__()
        centre = weight.detach().mean()
        shifted = (weight.detach() - centre).flatten()
        self.log_scale = nn.ParameterDict({one.key: _least_error(shifted, one).log() for one in forms})
        self.threshold = nn.ParameterDict({one.key: centre.clone() for one in forms})

    def forward(self, weight: Tensor, form: BitFormat) -> Tensor:
        """Quantize a weight of any shape."""
        return _elastic(weight, self.log_scale[form.key].exp(), form, self.threshold[form.key])


class ElasticActivation(ActivationQuantizer):
    """BiT's activations: a learned scale a tensor, and a threshold a tensor or, for query, key and value, a channel.

    BiT swaps GELU for ReLU to have values that are never negative; here a trained model keeps its GELU, whose outputs
    are quantized as values of both signs.
    """

    def __init__(self, source: ActivationQuantizer, thresholds: tuple[int, ...]) -> None:
        super().__init__(source.forms, "nonnegative" if source.values == "nonnegative" else "signed")
        self.shift = nn.ParameterDict({one.key: torch.zeros(thresholds) for one in self.forms})

    def forward(self, value: Tensor, form: BitFormat) -> Tensor:
        """Quantize; (..., channels) or (batch, heads, time, channels)."""
        if self.calibrating:
            self._calibrate(value)
            return value
        scale, shift = self.scale(form), self.shift[form.key]
        if self.values == "nonnegative":
            return round_to(value, scale, Levels(0.0, form.count - 1.0), shift)
        return _elastic(value, scale, form, shift)

    @torch.no_grad()
    def _calibrate(self, value: Tensor) -> None:
        """Start at 2 mean |x| / sqrt(largest level), or 4 for values that are never negative, as BiT does."""
        mean = value.detach().float().abs().mean().clamp_min(1e-5)
        for form in self.calibrating:
            nonnegative = self.values == "nonnegative"
            largest = form.count - 1 if nonnegative else max(1, form.count // 2 - 1)
            self.log_scale[form.key].fill_(((4 if nonnegative else 2) * mean / largest**0.5).log())


class SquashedWeight(nn.Module):
    """SqWQ: Q(tanh W) e^g with a gain for each output channel.

    Q has the levels of our 2-bit form at 2 bits and evenly spaced integers above; the paper does not say. A trained
    weight is far smaller than what tanh squashes, so W is it times a constant that starts it at the regularizer's
    target; kept outside of the weight, the constant lets a step of Adam change W by the share that it changes others.
    """

    stretch: Tensor

    @torch.no_grad()
    def __init__(self, weight: Tensor, forms: Sequence[BitFormat]) -> None:
        super().__init__()
        self.register_buffer("stretch", _SQUASHED_STD / weight.detach().std())
        self.log_gain = nn.ParameterDict()
        for form in forms:
            codes = self._squashed(weight.detach(), form)
            fitted = (weight.detach() * codes).sum(1) / codes.square().sum(1).clamp_min(1e-8)
            self.log_gain[form.key] = fitted.clamp_min(1e-5).log()

    def forward(self, weight: Tensor, form: BitFormat) -> Tensor:
        """Quantize a weight (channels, inputs)."""
        return self._squashed(weight, form) * self.log_gain[form.key].exp()[:, None]

    def regularizer(self, weight: Tensor) -> Tensor:
        """The squared distances of W's standard deviation and mean from their targets."""
        stretched = weight * self.stretch
        return (stretched.std() - _SQUASHED_STD) ** 2 + stretched.mean() ** 2

    def _squashed(self, weight: Tensor, form: BitFormat) -> Tensor:
        value, one = (weight * self.stretch).tanh(), torch.ones((), device=weight.device)
        if form.signed is None:
            return binarize(value, one)
        top = form.count // 2 - 1.0
        return round_to(value, one, form.signed if form.signed.steps > 1 else Levels(-top, top, steps=top))


def _elastic(value: Tensor, scale: Tensor, form: BitFormat, shift: Tensor | None = None) -> Tensor:
    return binarize(value, scale, shift) if form.signed is None else round_to(value, scale, _integers(form), shift)


def _integers(form: BitFormat) -> Levels:
    """Learned step's levels, at 2 bits too: -2, -1, 0, 1."""
    return Levels(-(form.count / 2.0), form.count / 2.0 - 1)


@torch.no_grad()
def _least_error(values: Tensor, form: BitFormat) -> Tensor:
    """Where a scale for some values starts: mean |x| at 1 bit, the least squared error of a grid above."""
    if form.signed is None:
        return values.abs().mean().clamp_min(1e-5)
    full = values.abs().max().clamp_min(1e-5) / _integers(form).high
    scales = full * torch.logspace(-1.5, 0.25, 36, device=values.device)
    errors = torch.stack([(_elastic(values, s, form) - values).square().mean() for s in scales])
    return scales[errors.argmin()]


def insert_recipe(model: CtcModel, layers: Sequence[Layer], assignments: Iterable[Assignment], recipe: str) -> None:
    """Give some layers a recipe's quantizers, in place; activations want ``calibrate`` afterwards."""
    insert_quantizers(model, layers, assignments)
    weights, activations = QUANTIZERS[recipe]
    for layer in layers:
        module = model.get_submodule(layer.path)
        if layer.kind == "product" and hasattr(module, "products") and activations is not None:
            products: ProductQuantizers = module.products
            for operand, quantizer in products.operands(layer.module):
                each = () if operand == "softmax" else (layer.channels, 1, layer.inputs)
                setattr(products, f"{operand}_quantizer", activations(quantizer, each))
        elif isinstance(module, QuantLinear):
            if weights is not None:
                module.register_module("weight_quantizer", weights(module.weight, module.weight_quantizer.forms))
            if activations is not None:
                module.input_quantizer = activations(module.input_quantizer, ())


# by recipe: what takes the place of our quantizers of weights and of activations
QUANTIZERS: dict[str, tuple[type[ElasticWeight] | type[SquashedWeight] | None, type[ElasticActivation] | None]] = {
    "bit-la": (ElasticWeight, ElasticActivation),
    "bit-l": (ElasticWeight, ElasticActivation),
    "sqwq": (SquashedWeight, None),
    OURS: (None, None),
}
