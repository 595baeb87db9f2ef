import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluators.quantization.quantizers import ActivationQuantizer, WeightQuantizer, best_scale, fake_quantize, levels

BITS = [1, 2, 4, 8]
FORMS = ["signed", "nonnegative", "skewed"]


def _values(seed: int, n: int = 400) -> torch.Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bits", BITS)
def test_at_most_two_to_the_bits_levels(bits: int, form: str) -> None:
    out = fake_quantize(_values(0, 20_000) * 9, torch.tensor([0.05]), bits, form)  # type: ignore[arg-type]
    assert len(out.unique()) == 2**bits


@pytest.mark.parametrize(
    ("bits", "form", "expected"),
    [
        (1, "signed", [-0.5, 0.5]),
        (2, "signed", [-0.375, -0.125, 0.125, 0.375]),
        (1, "nonnegative", [0.0, 0.5]),
        (2, "nonnegative", [0.0, 0.5, 1.0, 1.5]),
        (4, "signed", [0.5 * i for i in range(-8, 8)]),
    ],
)
def test_levels_are_those_of_the_recipe(bits: int, form: str, expected: list[float]) -> None:
    out = fake_quantize(torch.linspace(-9, 9, 4001), torch.tensor([0.5]), bits, form)  # type: ignore[arg-type]
    assert out.unique().tolist() == pytest.approx(expected)


@given(st.integers(0, 1000), st.sampled_from(BITS), st.sampled_from(["signed", "nonnegative"]))
def test_quantizing_twice_changes_nothing(seed: int, bits: int, form: str) -> None:
    scale = torch.tensor([0.3])
    once = fake_quantize(_values(seed), scale, bits, form)  # type: ignore[arg-type]
    assert torch.allclose(fake_quantize(once, scale, bits, form), once, atol=1e-6)  # type: ignore[arg-type]


@given(st.integers(0, 1000), st.sampled_from([2, 4, 8]))
def test_error_inside_the_range_is_at_most_half_a_step(seed: int, bits: int) -> None:
    scale = 0.4
    step = scale / levels(bits, "signed").steps
    value = _values(seed).clamp(-0.9 * scale, 0.9 * scale)
    assert ((fake_quantize(value, torch.tensor([scale]), bits) - value).abs() <= step / 2 + 1e-6).all()


@given(st.integers(0, 1000), st.sampled_from(BITS), st.floats(0.1, 10))
def test_quantizers_scale_with_their_values(seed: int, bits: int, factor: float) -> None:
    small = fake_quantize(_values(seed), torch.tensor([0.3]), bits)
    large = fake_quantize(_values(seed) * factor, torch.tensor([0.3]) * factor, bits)
    # rounding at the very edge of a cell may fall to either side
    assert ((small * factor - large).abs() > 1e-4 * factor).float().mean() < 0.01


def test_zero_has_a_sign_at_one_bit() -> None:
    assert fake_quantize(torch.zeros(1), torch.tensor([2.0]), 1).item() == 2.0


def test_gradients_at_one_bit_are_those_of_elastic_binarization() -> None:
    value = torch.tensor([-2.0, -0.5, 0.5, 2.0], requires_grad=True)
    scale = torch.tensor([1.0], requires_grad=True)
    grad = torch.tensor([1.0, 2.0, 3.0, 4.0])
    fake_quantize(value, scale, 1).backward(grad)
    assert value.grad is not None
    assert scale.grad is not None
    assert value.grad.tolist() == [0.0, 2.0, 3.0, 0.0]
    assert scale.grad.item() == pytest.approx((-1 - 2 + 3 + 4) / math.sqrt(4))


def test_gradients_of_the_learned_step_are_lsqs() -> None:
    value = torch.tensor([-9.3, 0.3, 1.4, 12.0], requires_grad=True)
    scale = torch.tensor([1.0], requires_grad=True)
    fake_quantize(value, scale, 4).backward(torch.ones(4))
    assert value.grad is not None
    assert scale.grad is not None
    assert value.grad.tolist() == [0.0, 1.0, 1.0, 0.0]
    # outside Qn and Qp, inside round(x) - x, all over sqrt(numel Qp)
    assert scale.grad.item() == pytest.approx((-8 + (0 - 0.3) + (1 - 1.4) + 7) / math.sqrt(4 * 7), rel=1e-5)


def test_gradients_stretched_elastic() -> None:
    value = torch.tensor([-2.0, 0.2, 0.995], requires_grad=True)
    scale = torch.tensor([1.0], requires_grad=True)
    fake_quantize(value, scale, 2).backward(torch.ones(3))
    assert value.grad is not None
    assert scale.grad is not None
    assert value.grad.tolist() == [0.0, 1.0, 0.0]
    assert scale.grad.item() == pytest.approx((-0.75 + (0.25 - 0.2) + 0.75) / math.sqrt(3 * 1.98), rel=1e-4)


@given(st.integers(0, 1000))
def test_best_scale_at_one_bit_is_the_closed_form(seed: int) -> None:
    rows = _values(seed).view(4, 100)
    assert torch.allclose(best_scale(rows, 1, "signed"), rows.abs().mean(1, keepdim=True))


def test_best_scale_for_gaussians_is_lloyds_uniform_quantizer() -> None:
    rows = torch.randn(1, 200_000, generator=torch.Generator().manual_seed(0))
    # the step of the best uniform quantizer of a unit Gaussian (Max, 1960): 0.9957 with 4 levels, 0.3352 with 16
    assert best_scale(rows, 2, "signed").item() / 2 == pytest.approx(0.9957, rel=0.08)
    assert best_scale(rows, 4, "signed").item() == pytest.approx(0.3352, rel=0.08)


@pytest.mark.parametrize("bits", BITS)
def test_each_output_channel_has_its_own_scale(bits: int) -> None:
    weight = torch.randn(3, 50) * torch.tensor([[0.1], [1.0], [10.0]])
    quantizer = WeightQuantizer(weight, (bits,))
    scale = quantizer.scale(bits)
    assert (scale[1:] > 3 * scale[:-1]).all()
    assert quantizer(weight, bits).shape == weight.shape


def test_calibration_starts_scales_on_the_values_and_skewed_offsets_at_their_least() -> None:
    value = torch.nn.functional.gelu(torch.randn(4, 50, 8))
    quantizer = ActivationQuantizer((2, 4), "skewed")
    quantizer.calibrating = True
    assert quantizer(value, 4) is value
    quantizer.calibrating = False
    assert quantizer.threshold(4).item() == pytest.approx(value.min().item())  # type: ignore[union-attr]
    assert (quantizer(value, 4) - value).square().mean() < 0.02 * value.square().mean()


def test_a_scale_a_head() -> None:
    quantizer = ActivationQuantizer((1,), "signed", scales=2, channels=4)
    quantizer.set_scale(1, torch.tensor([1.0, 5.0]), torch.zeros(2, 4))
    out = quantizer(torch.ones(3, 2, 7, 4), 1)
    assert out[:, 0].unique().tolist() == pytest.approx([1.0])
    assert out[:, 1].unique().tolist() == pytest.approx([5.0])


def test_thresholds_get_gradients() -> None:
    quantizer = ActivationQuantizer((1,), "signed", channels=4)
    quantizer(torch.randn(5, 4) * 0.5, 1).square().sum().backward()
    assert quantizer.shift["1"].grad is not None
