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
_EDGE = 1e-6
_KERNELS = 64  # of a function at most: by dimensions, types, with or without a shift or halves


def sign_out(value: Tensor, scale: Tensor, shift: Tensor | None) -> Tensor:
    """A sign(value - shift), a sign for zeros of either sign too."""
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
        return run_fused(function, value, *rest)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever the compiler stumbles over must not stop a study
        _broken.add(function.__name__)
        _log.warning(
            "%s runs unfused: torch.compile failed: %s", function.__name__, (str(error).splitlines() or [""])[0]
        )
        return function(value, *rest)


def run_fused(function: Callable[..., Any], value: Tensor, *rest: Any) -> Any:
    """Call the compiled form, flattened where all of a tensor shares one scale: each number of dimensions is a kernel.

    Raises:
        Exception: whatever the compiler says, also where a function would need too many kernels.
    """
    tensors = [t for t in (value, *rest) if isinstance(t, Tensor)]
    whole = [t for t in tensors if t.shape == value.shape]
    if any(t.numel() > 1 for t in tensors if t.shape != value.shape) or not all(t.is_contiguous() for t in whole):
        return compiled(function)(value, *rest)
    flat = [t.reshape(-1) if isinstance(t, Tensor) and t.shape == value.shape else t for t in (value, *rest)]
    found = compiled(function)(*flat)
    if isinstance(found, Tensor):
        return found.view(value.shape)
    like = (value, *rest[1:3])  # value, scale and shift
    return tuple(None if f is None else f.view(t.shape) for f, t in zip(found, like, strict=True))


@functools.cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The fused form of a function, for tensors of any length."""
    # dynamo's own limit of 8 kernels a function is passed by a model's many shapes, and then it says nothing
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, _KERNELS)
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    return torch.compile(function, dynamic=True)


def _shifted(value: Tensor, shift: Tensor | None) -> Tensor:
    return value if shift is None else value - shift


def _within(grad: Tensor, x: Tensor, low: float, high: float) -> Tensor:
    """The gradient where low <= x <= high, nothing elsewhere: in one pass over both.

    hardtanh's gradient is zero on the bounds, so they are moved by more than float32 can tell from them.
    """
    low, high = low - _EDGE * max(1.0, -low), high + _EDGE * max(1.0, high)
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
