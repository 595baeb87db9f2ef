"""The fused form of the fake quantizers against the eager one, and what happens where there is no compiler."""

import functools
import shutil

import pytest
import torch
import torch._dynamo
from torch._dynamo.testing import CompileCounter

from evaluators.quantization import arithmetic as fused

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
    # a fused kernel computes in float32 whatever it reads
    wide = (None if t is None else t.float() for t in (value, scale, shift))
    reference = fused.round_out(*wide, -8.0, 7.0, 1.0, 0.0)  # type: ignore[arg-type, misc]
    _same(out.float(), reference.to(dtype).float())
    fused.run(fused.round_grads, grad, value, scale, shift, out, -8.0, 7.0, 1.0)
    assert not fused._broken


def test_all_shapes_and_widths_of_a_model_stay_fused(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = CompileCounter()
    monkeypatch.setattr(fused, "compiled", functools.cache(lambda f: torch.compile(f, dynamic=True, backend=counter)))
    torch._dynamo.reset()
    with torch._dynamo.config.patch(recompile_limit=fused._KERNELS, fail_on_recompile_limit_hit=True):
        for dtype in (torch.float32, torch.bfloat16):
            for value_shape, scale_shape, shift_shape in (
                *SHAPES.values(), ((2, 7, 9), (1,), None), ((1, 7, 9), (1,), None), ((2, 4, 7, 5), (1,), None),
                ((2, 4, 7, 5), (1,), (4, 1, 5)), ((12, 8), (12, 1), (1,)), ((12, 8), (), ()), ((4, 1), (4, 1), None),
            ):  # fmt: skip
                value, scale = torch.randn(value_shape, dtype=dtype), torch.rand(scale_shape, dtype=dtype) + 0.2
                shift = None if shift_shape is None else torch.randn(shift_shape, dtype=dtype)
                for bits, half in ((1, 0.0), (2, 0.5), (4, 0.0), (8, 0.0)):
                    low, high = -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
                    out = fused.run_fused(fused.round_out, value, scale, shift, low, high, 1.0, half)
                    _same(out, fused.round_out(value, scale, shift, low, high, 1.0, half))
                    arguments = (torch.randn_like(value), value, scale, shift, out, low, max(high, 1.0), 1.0)
                    _same(fused.run_fused(fused.round_grads, *arguments), fused.round_grads(*arguments))
                out = fused.run_fused(fused.sign_out, value, scale, shift)
                arguments = (torch.randn_like(value), value, scale, shift, out)
                _same(fused.run_fused(fused.sign_grads, *arguments), fused.sign_grads(*arguments))
    assert 4 < counter.frame_count <= 4 * fused._KERNELS


def test_gradients_pass_at_the_outermost_levels_themselves() -> None:
    value = torch.tensor([-9.0, -8.0, 0.4, 7.0, 7.5])
    grad, scale = torch.ones(5), torch.ones(1)
    out = fused.round_out(value, scale, None, -8.0, 7.0, 1.0, 0.0)
    passed, added, _ = fused.round_grads(grad, value, scale, None, out, -8.0, 7.0, 1.0)
    assert passed.tolist() == [0, 1, 1, 1, 0]
    # LSQ's: round(x) - x between the bounds, the bound outside of them
    assert added.item() == pytest.approx((-8.0 + 0.0 - 0.4 + 0.0 + 7.0) / (5 * 7.0) ** 0.5, rel=1e-5)
    ends = torch.tensor([-1.0, 1.0, 1.1], dtype=torch.bfloat16)
    one = torch.ones(1, dtype=torch.bfloat16)
    assert fused.sign_grads(torch.ones_like(ends), ends, one, None, ends.sign())[0].tolist() == [1, 1, 0]


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
