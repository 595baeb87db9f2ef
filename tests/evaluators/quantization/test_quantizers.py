import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluators.quantization.quantizers import ActivationQuantizer, WeightQuantizer, best_scale, fake_quantize, levels
from spaces import BitFormat
from spaces.architecture import Form
from spaces.precision import FORMATS, bit_format

QUANTIZED = [one for one in FORMATS if one.quantized]
VALUES = ["signed", "nonnegative", "skewed"]
# weights are signed; only what activations can have meets the other kinds of values
MET = [(one, values) for one in QUANTIZED for values in VALUES if one.activations or values == "signed"]


def _values(seed: int, n: int = 400) -> torch.Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("form", "values"), MET, ids=str)
def test_as_many_levels_as_the_format_says(form: BitFormat, values: Form) -> None:
    out = fake_quantize(_values(0, 20_000) * 9, torch.tensor([0.05]), form, values)
    assert len(out.unique()) == form.count


def test_no_width_has_more_levels_than_its_bits_can_tell_apart() -> None:
    assert {one.name: one.count for one in FORMATS if one.bits != 1.58} == {
        f"{bits}": 2**bits for bits in (1, 2, 3, 4, 8, 16)
    }
    assert math.log2(bit_format(1.58).count) == pytest.approx(1.58, abs=0.005)


@pytest.mark.parametrize(
    ("bits", "values", "expected"),
    [
        (1, "signed", [-0.5, 0.5]),
        (1.58, "signed", [-1 / 3, 0.0, 1 / 3]),
        (2, "signed", [-0.375, -0.125, 0.125, 0.375]),
        (3, "signed", [0.5 * i for i in range(-4, 4)]),
        (1, "nonnegative", [0.0, 0.5]),
        (2, "nonnegative", [0.0, 0.5, 1.0, 1.5]),
        (3, "nonnegative", [0.5 * i for i in range(8)]),
        (4, "signed", [0.5 * i for i in range(-8, 8)]),
    ],
)
def test_levels_are_those_of_the_recipe(bits: float, values: Form, expected: list[float]) -> None:
    out = fake_quantize(torch.linspace(-9, 9, 4001), torch.tensor([0.5]), bit_format(bits), values)
    assert out.unique().tolist() == pytest.approx(expected)


@given(st.integers(0, 1000), st.sampled_from([met for met in MET if met[1] != "skewed"]))
def test_quantizing_twice_changes_nothing(seed: int, met: tuple[BitFormat, Form]) -> None:
    scale, (form, values) = torch.tensor([0.3]), met
    once = fake_quantize(_values(seed), scale, form, values)
    assert torch.allclose(fake_quantize(once, scale, form, values), once, atol=1e-6)


@given(st.integers(0, 1000), st.sampled_from([one for one in QUANTIZED if one.signed is not None]))
def test_error_inside_the_range_is_at_most_half_a_step(seed: int, form: BitFormat) -> None:
    scale, at = 0.4, levels(form, "signed")
    assert at is not None
    value = _values(seed).clamp(-0.9 * scale, 0.9 * scale)
    error = (fake_quantize(value, torch.tensor([scale]), form) - value).abs()
    assert (error <= scale / at.steps / 2 + 1e-6).all()


@given(st.integers(0, 1000), st.sampled_from(QUANTIZED), st.floats(0.1, 10))
def test_quantizers_scale_with_their_values(seed: int, form: BitFormat, factor: float) -> None:
    small = fake_quantize(_values(seed), torch.tensor([0.3]), form)
    large = fake_quantize(_values(seed) * factor, torch.tensor([0.3]) * factor, form)
    # rounding at the very edge of a cell may fall to either side
    assert ((small * factor - large).abs() > 1e-4 * factor).float().mean() < 0.01


def test_zero_has_a_sign_at_one_bit() -> None:
    assert fake_quantize(torch.zeros(1), torch.tensor([2.0]), bit_format(1)).item() == 2.0


def test_gradients_at_one_bit_are_those_of_elastic_binarization() -> None:
    value = torch.tensor([-2.0, -0.5, 0.5, 2.0], requires_grad=True)
    scale = torch.tensor([1.0], requires_grad=True)
    grad = torch.tensor([1.0, 2.0, 3.0, 4.0])
    fake_quantize(value, scale, bit_format(1)).backward(grad)
    assert value.grad is not None
    assert scale.grad is not None
    assert value.grad.tolist() == [0.0, 2.0, 3.0, 0.0]
    assert scale.grad.item() == pytest.approx((-1 - 2 + 3 + 4) / math.sqrt(4))


def test_gradients_of_the_learned_step_are_lsqs() -> None:
    value = torch.tensor([-9.3, 0.3, 1.4, 12.0], requires_grad=True)
    scale = torch.tensor([1.0], requires_grad=True)
    fake_quantize(value, scale, bit_format(4)).backward(torch.ones(4))
    assert value.grad is not None
    assert scale.grad is not None
    assert value.grad.tolist() == [0.0, 1.0, 1.0, 0.0]
    # outside Qn and Qp, inside round(x) - x, all over sqrt(numel Qp)
    assert scale.grad.item() == pytest.approx((-8 + (0 - 0.3) + (1 - 1.4) + 7) / math.sqrt(4 * 7), rel=1e-5)


def test_gradients_stretched_elastic() -> None:
    value = torch.tensor([-2.0, 0.2, 0.995], requires_grad=True)
    scale = torch.tensor([1.0], requires_grad=True)
    fake_quantize(value, scale, bit_format(2)).backward(torch.ones(3))
    assert value.grad is not None
    assert scale.grad is not None
    assert value.grad.tolist() == [0.0, 1.0, 0.0]
    assert scale.grad.item() == pytest.approx((-0.75 + (0.25 - 0.2) + 0.75) / math.sqrt(3 * 1.98), rel=1e-4)


@given(st.integers(0, 1000))
def test_best_scale_at_one_bit_is_the_closed_form(seed: int) -> None:
    rows = _values(seed).view(4, 100)
    assert torch.allclose(best_scale(rows, bit_format(1), "signed"), rows.abs().mean(1, keepdim=True))


def test_best_scale_for_gaussians_is_lloyds_uniform_quantizer() -> None:
    rows = torch.randn(1, 200_000, generator=torch.Generator().manual_seed(0))
    # the step of the best uniform quantizer of a unit Gaussian (Max, 1960): 1.224 with 3 levels, 0.9957 with 4, 0.5860
    # with 8, 0.3352 with 16; levels of two's complement are one-sided, the more so the fewer
    assert best_scale(rows, bit_format(1.58), "signed").item() / 1.5 == pytest.approx(1.224, rel=0.08)
    assert best_scale(rows, bit_format(3), "signed").item() == pytest.approx(0.5860, rel=0.08)
    assert best_scale(rows, bit_format(2), "signed").item() / 2 == pytest.approx(0.9957, rel=0.08)
    assert best_scale(rows, bit_format(4), "signed").item() == pytest.approx(0.3352, rel=0.08)


@pytest.mark.parametrize("form", QUANTIZED, ids=str)
def test_each_output_channel_has_its_own_scale(form: BitFormat) -> None:
    weight = torch.randn(3, 50) * torch.tensor([[0.1], [1.0], [10.0]])
    quantizer = WeightQuantizer(weight, (form,))
    assert (quantizer.scale(form) == 1).all()  # until it is started
    quantizer.start(weight, (form,))
    scale = quantizer.scale(form)
    assert (scale[1:] > 3 * scale[:-1]).all()
    assert quantizer(weight, form).shape == weight.shape


def test_calibration_starts_scales_on_the_values_and_skewed_offsets_at_their_least() -> None:
    value = torch.nn.functional.gelu(torch.randn(4, 50, 8))
    quantizer = ActivationQuantizer((bit_format(2), four := bit_format(4)), "skewed")
    quantizer.calibrating = (four,)
    assert quantizer(value, four) is value
    quantizer.calibrating = ()
    assert quantizer.threshold(four).item() == pytest.approx(value.min().item())  # type: ignore[union-attr]
    assert (quantizer(value, four) - value).square().mean() < 0.02 * value.square().mean()
    # what was not asked for is as it was
    assert quantizer.scale(bit_format(2)).item() == 1.0
    assert quantizer.threshold(bit_format(2)).item() == 0.0  # type: ignore[union-attr]


def test_a_scale_a_head() -> None:
    quantizer = ActivationQuantizer((bit_format(1),), "signed", scales=2, channels=4)
    quantizer.log_scale["1"].data = torch.tensor([1.0, 5.0]).log()
    out = quantizer(torch.ones(3, 2, 7, 4), bit_format(1))
    assert out[:, 0].unique().tolist() == pytest.approx([1.0])
    assert out[:, 1].unique().tolist() == pytest.approx([5.0])


def test_thresholds_get_gradients() -> None:
    quantizer = ActivationQuantizer((bit_format(1),), "signed", channels=4)
    quantizer(torch.randn(5, 4) * 0.5, bit_format(1)).square().sum().backward()
    assert quantizer.shift["1"].grad is not None
