"""Fake quantizers: round to few levels in the forward pass, straight-through gradients in the backward pass.

Every quantizer has a learned scale a > 0 for each format, kept as log a so that a step of Adam changes it by a share of
itself. ``spaces.precision.FORMATS`` holds the levels of each. With x = value / a the forms are:

==============  ==============================  ===========================================================
1 bit           a sign(x), sign(±0) = ±1        elastic binarization (ParetoQ, BiT); dW = G where |x| <= 1
ternary         levels -2/3, 0, 2/3             stretched elastic quantization (ParetoQ)
2 bit           levels -.75, -.25, .25, .75     the same
3, 4, 8 bit     integers -2^(b-1)..2^(b-1)-1    learned step (LSQ, Esser et al. 2020)
never negative  integers 0 .. 2^b - 1           softmax outputs and ReLU outputs at any width (BiT)
skewed          0 .. 2^b - 1 above an offset    GELU outputs (LSQ+, Bhalgat et al. 2020)
==============  ==============================  ===========================================================

Sources: ParetoQ arXiv 2502.02631, BiT arXiv 2205.13016, LSQ arXiv 1902.08153, LSQ+ arXiv 2004.09576.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from evaluators.quantization import arithmetic
from spaces.architecture import Form
from spaces.precision import BitFormat, Levels

_GRID = torch.logspace(-1.5, 0.25, 36)
_CALIBRATED_ON = 200_000  # values of each scale's own share of a batch


def levels(form: BitFormat, values: Form) -> Levels | None:
    """The levels that a format gives values of some form; None where it keeps the sign alone."""
    return form.signed if values == "signed" else Levels(0.0, form.count - 1.0)


class _Sign(torch.autograd.Function):
    """a sign(x), gradients as in the module's table; the scale's is sum(G sign(x)).

    Like ``_Round`` it keeps the value and the output for the backward pass: the value is there already for the layers
    that share it, and in float32 the output is for the layer behind.
    """

    @staticmethod
    def forward(ctx: Any, value: Tensor, scale: Tensor, shift: Tensor | None) -> Tensor:
        out: Tensor = arithmetic.run(arithmetic.sign_out, value, scale, shift)
        ctx.save_for_backward(value, scale, shift, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        return arithmetic.run(arithmetic.sign_grads, grad, *ctx.saved_tensors)


class _Round(torch.autograd.Function):
    """a (round(clamp(n x, low, high) - s) + s) / n; the scale's gradient is LSQ's."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, scale: Tensor, shift: Tensor | None, at: Levels) -> Tensor:
        out: Tensor = arithmetic.run(arithmetic.round_out, value, scale, shift, at.low, at.high, at.steps, at.shift)
        ctx.save_for_backward(value, scale, shift, out)
        ctx.at = at
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None]:
        at: Levels = ctx.at
        return *arithmetic.run(arithmetic.round_grads, grad, *ctx.saved_tensors, at.low, at.high, at.steps), None


def fake_quantize(
    value: Tensor, scale: Tensor, form: BitFormat, values: Form = "signed", shift: Tensor | None = None
) -> Tensor:
    """Round a tensor to the levels of a format.

    Args:
        value: any shape; for the unsigned forms the levels start at zero.
        scale: positive, broadcasts against ``value``.
        form: any but fp16.
        values: see the module's table.
        shift: taken off the values before; broadcasts likewise.

    >>> from spaces.precision import bit_format
    >>> fake_quantize(torch.tensor([-2.0, -0.1, 0.6]), torch.tensor([1.0]), bit_format(2))
    tensor([-0.7500, -0.2500,  0.7500])
    >>> fake_quantize(torch.tensor([-2.0, 0.1, 0.6]), torch.tensor([1.5]), bit_format(1.58))
    tensor([-1.,  0.,  1.])
    """
    at = levels(form, values)
    return binarize(value, scale, shift) if at is None else round_to(value, scale, at, shift)


def binarize(value: Tensor, scale: Tensor, shift: Tensor | None = None) -> Tensor:
    """The scale with the sign of each value less the shift, straight-through where that is within the scale."""
    return _Sign.apply(value, scale.to(value.dtype), _like(shift, value))  # type: ignore[no-untyped-call]


def round_to(value: Tensor, scale: Tensor, at: Levels, shift: Tensor | None = None) -> Tensor:
    """The nearest of some levels to each value less the shift, straight-through between the outermost."""
    return _Round.apply(value, scale.to(value.dtype), _like(shift, value), at)  # type: ignore[no-untyped-call]


def _like(shift: Tensor | None, value: Tensor) -> Tensor | None:
    return None if shift is None else shift.to(value.dtype)


@torch.no_grad()
def best_scale(rows: Tensor, form: BitFormat, values: Form = "signed") -> Tensor:
    """The scale of each row that quantizes it with the least squared error, from a grid; (rows, 1).

    At 1 bit signed it is the closed form mean |x|.
    """
    rows, at = rows.float(), levels(form, values)
    if at is None:
        return rows.abs().mean(1, keepdim=True).clamp_min(1e-5)
    full = (rows.abs().amax(1, keepdim=True) / (at.high / at.steps)).clamp_min(1e-5)
    best, least = full, torch.full_like(full, math.inf)
    for share in _GRID:
        scale = full * share
        error = (fake_quantize(rows, scale, form, values) - rows).square().mean(1, keepdim=True)
        better = error < least
        best, least = torch.where(better, scale, best), torch.where(better, error, least)
    return best


def quantize_activations(
    value: Tensor, scale: Tensor, threshold: Tensor | None, form: BitFormat, values: Form
) -> Tensor:
    """Quantize activations by one scale, or by one for each head of (batch, heads, time, channels).

    Args:
        scale: (scales,).
        threshold: taken off before rounding, (scales, channels or 1); added again where values are skewed.
    """
    if len(scale) > 1:
        scale = scale.view(-1, 1, 1)
        threshold = threshold.unsqueeze(1) if threshold is not None else None
    quantized = fake_quantize(value, scale, form, values, threshold)
    return quantized + threshold.to(value.dtype) if threshold is not None and values == "skewed" else quantized


class WeightQuantizer(nn.Module):
    """Fake quantization of a weight tensor, a learned scale for each output channel and format; ``start`` sets them."""

    def __init__(self, weight: Tensor, forms: Sequence[BitFormat]) -> None:
        super().__init__()
        self.forms = tuple(forms)
        self.log_scale = nn.ParameterDict({one.key: torch.zeros(len(weight)) for one in forms})

    @torch.no_grad()
    def start(self, weight: Tensor, forms: Sequence[BitFormat]) -> None:
        """Start the scales of some formats where they quantize a weight with the least squared error."""
        for form in forms:
            self.log_scale[form.key].copy_(best_scale(weight.flatten(1), form).log()[:, 0])

    def scale(self, form: BitFormat) -> Tensor:
        """Scale of every output channel, (channels,)."""
        return self.log_scale[form.key].exp()

    def forward(self, weight: Tensor, form: BitFormat) -> Tensor:
        """Quantize a weight whose first dimension is the output channels."""
        return fake_quantize(weight, self.scale(form).view(-1, *[1] * (weight.ndim - 1)), form)


class ActivationQuantizer(nn.Module):
    """Fake quantization of activations with learned scales, and thresholds for each channel at the lowest formats.

    Args:
        forms: the formats to keep scales for.
        values: their form: ``signed``, ``nonnegative`` or ``skewed``.
        scales: 1 for a scale a tensor, or the number of heads where the second dimension is the heads.
        channels: size of the last dimension where each channel has a threshold, 0 for none.
    """

    def __init__(self, forms: Sequence[BitFormat], values: Form, scales: int = 1, channels: int = 0) -> None:
        super().__init__()
        self.forms, self.values, self.scales = tuple(forms), values, scales
        self.log_scale = nn.ParameterDict({one.key: torch.zeros(scales) for one in forms})
        shifts: dict[str, Tensor] = {}
        if values == "signed" and channels:
            shifts = {one.key: torch.zeros(scales, channels) for one in forms if one.threshold}
        elif values == "skewed":
            shifts = {one.key: torch.zeros(scales, 1) for one in forms}
        self.shift = nn.ParameterDict(shifts)
        self.calibrating: tuple[BitFormat, ...] = ()  # formats whose scales the next values start

    def scale(self, form: BitFormat) -> Tensor:
        """Scale of a format, (scales,)."""
        return self.log_scale[form.key].exp()

    def threshold(self, form: BitFormat) -> Tensor | None:
        """What is taken off the values before they are rounded, (scales, channels or 1)."""
        return self.shift.get(form.key, None)

    def forward(self, value: Tensor, form: BitFormat) -> Tensor:
        """Quantize; (..., channels), or (batch, heads, time, channels) with a scale a head."""
        if self.calibrating:
            self._calibrate(value)
            return value
        return quantize_activations(value, self.scale(form), self.threshold(form), form, self.values)

    @torch.no_grad()
    def _calibrate(self, value: Tensor) -> None:
        """Start scales where they quantize these values best."""
        rows = value.transpose(0, 1).flatten(1) if self.scales > 1 else value.reshape(1, -1)
        if rows.shape[1] > _CALIBRATED_ON:  # at random: a stride may see some channels alone
            some = torch.randint(rows.shape[1], (_CALIBRATED_ON,), generator=torch.Generator().manual_seed(0))
            rows = rows[:, some.to(rows.device)]
        for form in self.calibrating:
            shifted = rows
            if self.values == "skewed":
                self.shift[form.key].copy_(rows.amin(1, keepdim=True))
                shifted = rows - self.shift[form.key]
            self.log_scale[form.key].copy_(best_scale(shifted, form, self.values).log()[:, 0])
