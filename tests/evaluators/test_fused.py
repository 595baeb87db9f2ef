"""The fused form of the fake quantizers against the eager one, and what happens where there is no compiler."""

import shutil

import pytest
import torch

from evaluators import fused

SHAPES = {
    "tensor": ((3, 5, 16), (1,), None),
    "channels": ((8, 24), (8, 1), None),
    "heads": ((2, 4, 6, 6), (4, 1, 1), None),
    "shifted": ((3, 5, 16), (1,), (1, 16)),
}
compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")


def _tensors(shape: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
    torch.manual_seed(0)
    value, scale, shift = SHAPES[shape]
    offset = None if shift is None else torch.randn(shift) * 0.1
    return torch.randn(value), torch.randn(value), torch.rand(scale) + 0.2, offset


def _same(one: object, other: object) -> None:
    if isinstance(one, tuple) and isinstance(other, tuple):
        for a, b in zip(one, other, strict=True):
            _same(a, b)
    elif isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5)
    else:
        assert one is other is None


@pytest.mark.slow
@compiler
@pytest.mark.parametrize("shape", ["shifted", "channels"])
def test_the_fused_form_equals_the_eager_one(shape: str) -> None:
    grad, value, scale, shift = _tensors(shape)
    levels = (-1.98, 1.98, 2.0) if shape == "shifted" else (-8.0, 7.0, 1.0)
    half = 0.5 if shape == "shifted" else 0.0
    for function, arguments in (
        (fused.sign_out, (value, scale, shift)), (fused.round_out, (value, scale, shift, *levels, half)),
    ):  # fmt: skip
        _same(fused.compiled(function)(*arguments), function(*arguments))
    out = fused.round_out(value, scale, shift, *levels, half)
    _same(
        fused.compiled(fused.sign_grads)(grad, value, scale, shift, out),
        fused.sign_grads(grad, value, scale, shift, out),
    )
    arguments = (grad, value, scale, shift, out, *levels)
    _same(fused.compiled(fused.round_grads)(*arguments), fused.round_grads(*arguments))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_gpu_runs_the_fused_form(shape: str, dtype: torch.dtype) -> None:
    grad, value, scale, shift = (None if t is None else t.cuda().to(dtype) for t in _tensors(shape))
    out = fused.run(fused.round_out, value, scale, shift, -8.0, 7.0, 1.0, 0.0)
    _same(out, fused.round_out(value, scale, shift, -8.0, 7.0, 1.0, 0.0))
    fused.run(fused.round_grads, grad, value, scale, shift, out, -8.0, 7.0, 1.0)
    assert not fused._broken


def test_what_cannot_be_compiled_runs_eagerly(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> object:
        raise RuntimeError("no compiler")

    class OnGpu(torch.Tensor):
        is_cuda = True

    monkeypatch.setattr(fused, "compiled", broken)
    monkeypatch.setattr(fused, "_broken", set())
    _, value, scale, _ = _tensors("tensor")
    found = fused.run(fused.sign_out, value.as_subclass(OnGpu), scale, None)
    assert torch.equal(found.as_subclass(torch.Tensor), fused.sign_out(value, scale, None))
    assert fused._broken == {"sign_out"}
