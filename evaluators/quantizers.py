"""Fake quantizers: round to few levels in the forward pass, straight-through gradients in the backward pass.

Every quantizer has a learned scale a > 0 for each bit-width, kept as log a so that a step of Adam changes it by a
share of itself. With x = value / a the forms are:

==============  ==============================  ===========================================================
1 bit           a sign(x), sign(±0) = ±1        elastic binarization (ParetoQ, BiT); dW = G where |x| <= 1
2 bit           levels -.75, -.25, .25, .75     stretched elastic quantization (ParetoQ)
4 and 8 bit     integers -2^(b-1)..2^(b-1)-1    learned step (LSQ, Esser et al. 2020)
never negative  integers 0 .. 2^b - 1           softmax outputs and ReLU outputs at any width (BiT)
skewed          0 .. 2^b - 1 above an offset    GELU outputs (LSQ+, Bhalgat et al. 2020)
==============  ==============================  ===========================================================

Sources: ParetoQ arXiv 2502.02631, BiT arXiv 2205.13016, LSQ arXiv 1902.08153, LSQ+ arXiv 2004.09576.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from evaluators import fused
from evaluators.storage import SHIFTED_BITS
from spaces.architecture import Form

_GRID = torch.logspace(-1.5, 0.25, 36)
_CALIBRATED_ON = 200_000  # values of each scale's own share of a batch


@dataclass(frozen=True)
class Levels:
    """Levels (i + shift) / steps for the integers i that ``low <= steps * x <= high`` can round to."""

    low: float
    high: float
    steps: float = 1.0
    shift: float = 0.0


def levels(bits: int, form: Form) -> Levels:
    """The levels of a form at 2 bits and more, and of the unsigned forms at 1 bit too."""
    if form != "signed":
        return Levels(0.0, 2.0**bits - 1)
    if bits == 2:
        return Levels(-1.98, 1.98, steps=2.0, shift=0.5)
    return Levels(-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1)


class _Sign(torch.autograd.Function):
    """a sign(x), gradients as in the module's table; the scale's is sum(G sign(x)).

    Like ``_Round`` it keeps the value and the output for the backward pass: the value is there already for the layers
    that share it, and in float32 the output is for the layer behind.
    """

    @staticmethod
    def forward(ctx: Any, value: Tensor, scale: Tensor, shift: Tensor | None) -> Tensor:
        out: Tensor = fused.run(fused.sign_out, value, scale, shift)
        ctx.save_for_backward(value, scale, shift, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        return fused.run(fused.sign_grads, grad, *ctx.saved_tensors)


class _Round(torch.autograd.Function):
    """a (round(clamp(n x, low, high) - s) + s) / n; the scale's gradient is LSQ's."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, scale: Tensor, shift: Tensor | None, at: Levels) -> Tensor:
        out: Tensor = fused.run(fused.round_out, value, scale, shift, at.low, at.high, at.steps, at.shift)
        ctx.save_for_backward(value, scale, shift, out)
        ctx.at = at
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None]:
        at: Levels = ctx.at
        return *fused.run(fused.round_grads, grad, *ctx.saved_tensors, at.low, at.high, at.steps), None


def fake_quantize(
    value: Tensor, scale: Tensor, bits: int, form: Form = "signed", shift: Tensor | None = None
) -> Tensor:
    """Round a tensor to 2^bits levels.

    Args:
        value: any shape; for the unsigned forms the levels start at zero.
        scale: positive, broadcasts against ``value``.
        bits: 1, 2, 4 or 8.
        form: see the module's table.
        shift: taken off the values before; broadcasts likewise.
    """
    if bits == 1 and form == "signed":
        return binarize(value, scale, shift)
    return round_to(value, scale, levels(bits, form), shift)


def binarize(value: Tensor, scale: Tensor, shift: Tensor | None = None) -> Tensor:
    """The scale with the sign of each value less the shift, straight-through where that is within the scale."""
    return _Sign.apply(value, scale.to(value.dtype), _like(shift, value))  # type: ignore[no-untyped-call]


def round_to(value: Tensor, scale: Tensor, at: Levels, shift: Tensor | None = None) -> Tensor:
    """The nearest of some levels to each value less the shift, straight-through between the outermost."""
    return _Round.apply(value, scale.to(value.dtype), _like(shift, value), at)  # type: ignore[no-untyped-call]


def _like(shift: Tensor | None, value: Tensor) -> Tensor | None:
    return None if shift is None else shift.to(value.dtype)


@torch.no_grad()
def best_scale(rows: Tensor, bits: int, form: Form) -> Tensor:
    """The scale of each row that quantizes it with the least squared error, from a grid; (rows, 1).

    At 1 bit signed it is the closed form mean |x|.
    """
    rows = rows.float()
    if bits == 1 and form == "signed":
        return rows.abs().mean(1, keepdim=True).clamp_min(1e-5)
    at = levels(bits, form)
    full = (rows.abs().amax(1, keepdim=True) / (at.high / at.steps)).clamp_min(1e-5)
    best, least = full, torch.full_like(full, math.inf)
    for share in _GRID:
        scale = full * share
        error = (fake_quantize(rows, scale, bits, form) - rows).square().mean(1, keepdim=True)
        better = error < least
        best, least = torch.where(better, scale, best), torch.where(better, error, least)
    return best


class WeightQuantizer(nn.Module):
    """Fake quantization of a weight tensor, one learned scale for each output channel and bit-width."""

    def __init__(self, weight: Tensor, bits: tuple[int, ...]) -> None:
        super().__init__()
        rows = weight.detach().flatten(1)
        self.log_scale = nn.ParameterDict({str(b): best_scale(rows, b, "signed").log()[:, 0] for b in bits})

    def scale(self, bits: int) -> Tensor:
        """Scale of every output channel, (channels,)."""
        return self.log_scale[str(bits)].exp()

    def forward(self, weight: Tensor, bits: int) -> Tensor:
        """Quantize a weight whose first dimension is the output channels."""
        return fake_quantize(weight, self.scale(bits).view(-1, *[1] * (weight.ndim - 1)), bits)


class ActivationQuantizer(nn.Module):
    """Fake quantization of activations with learned scales, and thresholds for each channel at 1 and 2 bits.

    Args:
        bits: the widths to keep scales for.
        form: the values' own: ``signed``, ``nonnegative`` or ``skewed``.
        scales: 1 for a scale a tensor, or the number of heads where the second dimension is the heads.
        channels: size of the last dimension where each channel has a threshold, 0 for none.
    """

    def __init__(self, bits: tuple[int, ...], form: Form, scales: int = 1, channels: int = 0) -> None:
        super().__init__()
        self.form, self.scales = form, scales
        self.log_scale = nn.ParameterDict({str(b): torch.zeros(scales) for b in bits})
        shifts: dict[str, Tensor] = {}
        if form == "signed" and channels:
            shifts = {str(b): torch.zeros(scales, channels) for b in bits if b in SHIFTED_BITS}
        elif form == "skewed":
            shifts = {str(b): torch.zeros(scales, 1) for b in bits}
        self.shift = nn.ParameterDict(shifts)
        self.calibrating = False

    def scale(self, bits: int) -> Tensor:
        """Scale of a width, (scales,)."""
        return self.log_scale[str(bits)].exp()

    def threshold(self, bits: int) -> Tensor | None:
        """What is taken off the values before they are rounded at a width, (scales, channels or 1)."""
        return self.shift.get(str(bits), None)

    @torch.no_grad()
    def set_scale(self, bits: int, scale: Tensor, threshold: Tensor | None) -> None:
        """Take over the scale and threshold of a packed checkpoint."""
        self.log_scale[str(bits)].copy_(scale.log())
        if threshold is not None:
            self.shift[str(bits)].copy_(threshold)

    def forward(self, value: Tensor, bits: int) -> Tensor:
        """Quantize; (..., channels), or (batch, heads, time, channels) with a scale a head."""
        if self.calibrating:
            self._calibrate(value)
            return value
        scale, shift = self.scale(bits), self.threshold(bits)
        if self.scales > 1:
            scale = scale.view(-1, 1, 1)
            shift = shift.unsqueeze(1) if shift is not None else None
        quantized = fake_quantize(value, scale, bits, self.form, shift)
        return quantized + shift.to(value.dtype) if shift is not None and self.form == "skewed" else quantized

    @torch.no_grad()
    def _calibrate(self, value: Tensor) -> None:
        """Start every width's scale where it quantizes these values best."""
        rows = value.transpose(0, 1).flatten(1) if self.scales > 1 else value.reshape(1, -1)
        if rows.shape[1] > _CALIBRATED_ON:  # at random: a stride may see some channels alone
            some = torch.randint(rows.shape[1], (_CALIBRATED_ON,), generator=torch.Generator().manual_seed(0))
            rows = rows[:, some.to(rows.device)]
        for bits, log_scale in self.log_scale.items():
            shifted = rows
            if self.form == "skewed":
                self.shift[bits].copy_(rows.amin(1, keepdim=True))
                shifted = rows - self.shift[bits]
            log_scale.copy_(best_scale(shifted, int(bits), self.form).log()[:, 0])
