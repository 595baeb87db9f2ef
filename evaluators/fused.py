"""The arithmetic of the fake quantizers as plain functions: eager on a CPU, fused by torch.compile on a GPU.

Each function is a handful of passes over a tensor when run eagerly and one kernel when compiled. The eager form is the
reference; where compilation fails, it is what runs.
"""

import functools
import logging
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_log = logging.getLogger("hubits")
_broken: set[str] = set()


def sign_out(value: Tensor, scale: Tensor, shift: Tensor | None) -> Tensor:
    """A sign(value - shift)."""
    return torch.copysign(scale, _shifted(value, shift))


def sign_grads(
    grad: Tensor, value: Tensor, scale: Tensor, shift: Tensor | None, out: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Gradients of ``sign_out`` for value, scale and shift: straight-through where |value - shift| <= a."""
    passed = _within(grad, _shifted(value, shift) / scale, -1.0, 1.0)
    summed = _sum_product(grad, out, scale) / scale
    return passed, _scale_gradient(summed, grad, 1.0), _shift_gradient(passed, shift)


def round_out(
    value: Tensor, scale: Tensor, shift: Tensor | None, low: float, high: float, steps: float, half: float
) -> Tensor:
    """A q / n with q = round(clamp(n x, low, high) - s) + s and x = (value - shift) / a."""
    return rounded(_shifted(value, shift) * (steps / scale), low, high, half).mul_(scale / steps)


def round_grads(
    grad: Tensor, value: Tensor, scale: Tensor, shift: Tensor | None, out: Tensor, low: float, high: float, steps: float
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Gradients of ``round_out``: straight-through between the outermost levels; the scale's is sum(G (q / n - x))."""
    x = _shifted(value, shift) * (steps / scale)
    passed = _within(grad, x, low, high)
    error = _sum_product(grad, out, scale) / scale - _sum_product(passed, x, scale) / steps
    return passed, _scale_gradient(error, grad, high), _shift_gradient(passed, shift)


def rounded(x: Tensor, low: float, high: float, half: float) -> Tensor:
    """The nearest integers (halves where ``half`` is not 0) between two; x is overwritten."""
    clamped = x.clamp_(low, high)
    return clamped.round_() if half == 0 else clamped.sub_(half).round_().add_(half)


def run(function: Callable[..., Any], value: Tensor, *rest: Any) -> Any:
    """Call one of these functions, compiled where its tensors are on a GPU."""
    if not value.is_cuda or function.__name__ in _broken:
        return function(value, *rest)
    try:
        return compiled(function)(value, *rest)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever the compiler stumbles over must not stop a study
        _broken.add(function.__name__)
        _log.warning(
            "%s runs unfused: torch.compile failed: %s", function.__name__, (str(error).splitlines() or [""])[0]
        )
        return function(value, *rest)


@functools.cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The fused form of a function, for tensors of any length."""
    return torch.compile(function, dynamic=True)


def _shifted(value: Tensor, shift: Tensor | None) -> Tensor:
    return value if shift is None else value - shift


def _within(grad: Tensor, x: Tensor, low: float, high: float) -> Tensor:
    """The gradient where x lies between the bounds, nothing elsewhere: in one pass over both."""
    return torch.ops.aten.hardtanh_backward(grad, x.to(grad.dtype), low, high)


def _sum_product(one: Tensor, other: Tensor, scale: Tensor) -> Tensor:
    """Sum of products over what shares a scale, in float32."""
    if scale.numel() == 1 and one.dtype == other.dtype == torch.float32 and not one.is_cuda:
        return torch.dot(one.reshape(-1), other.reshape(-1)).view(scale.shape)
    return (one * other).float().sum_to_size(scale.shape)


def _scale_gradient(summed: Tensor, grad: Tensor, high: float) -> Tensor:
    """LSQ's: the sum times 1 / sqrt(count * high)."""
    return (summed / math.sqrt(grad.numel() / summed.numel() * high)).to(grad.dtype)


def _shift_gradient(passed: Tensor, shift: Tensor | None) -> Tensor | None:
    return None if shift is None else -passed.sum_to_size(shift.shape)
