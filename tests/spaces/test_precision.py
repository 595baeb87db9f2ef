"""Formats and precisions: which there are, how they are written, what they cost."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces import FP16, Precision, UserError
from spaces.precision import FLOAT, FORMATS, LOWEST, bit_format, quant_ops

NAMES = ("1", "1.58", "2", "3", "4", "8", "16")


def test_the_registry_holds_each_format_once_in_rising_order() -> None:
    assert tuple(one.name for one in FORMATS) == NAMES
    assert sorted(FORMATS) == list(FORMATS)
    assert len({one.key for one in FORMATS}) == len(FORMATS)
    assert (FORMATS[0], FORMATS[-1]) == (LOWEST, FLOAT)
    assert [one for one in FORMATS if not one.quantized] == [FLOAT]
    for one in FORMATS:
        assert re.fullmatch(r"\w+", one.key)  # a part of a tensor's name
        assert float(one.name) == one.bits
        assert str(one) == one.name


@pytest.mark.parametrize("name", NAMES)
def test_a_format_is_found_by_its_name_and_by_its_number(name: str) -> None:
    number = float(name)
    found = bit_format(name)
    assert found is bit_format(number)
    assert found.name == name
    if number.is_integer():
        assert found is bit_format(int(number))
    assert json.loads(json.dumps(found.bits)) == number  # study files hold them as numbers


@pytest.mark.parametrize("name", [5, 0, -1, 1.5, 1.585, 32, "5", "two", "", "1.58 ", True, "1e0", float("nan")])
def test_a_format_that_does_not_exist_is_told_with_those_that_do(name: object) -> None:
    with pytest.raises(
        UserError, match=r"^space\.weight_bits: .* bits do not exist; weights can have 1, 1\.58, 2, 3"
    ) as told:
        bit_format(name, "space.weight_bits")  # type: ignore[arg-type]
    assert str(told.value).endswith(", ".join(NAMES))


def test_ternary_is_for_weights_alone() -> None:
    assert [one.name for one in FORMATS if not one.activations] == ["1.58"]
    with pytest.raises(UserError) as told:
        bit_format(1.58, "space.activation_bits", activations=True)
    assert str(told.value) == "space.activation_bits: 1.58 bits do not exist; activations can have 1, 2, 3, 4, 8, 16"
    for text in ("w1.58a1.58", "w2a1.58"):
        with pytest.raises(
            UserError, match=rf"precision: {text}: 1\.58 bits do not exist; activations can have 1, 2, 3"
        ):
            Precision.parse(text)
    with pytest.raises(UserError, match="activations can have"):
        Precision.of(2, 1.58)


@pytest.mark.parametrize(
    ("text", "weight", "activation"),
    [("w3a3", "3", "3"), ("w1.58a8", "1.58", "8"), ("w16a3", "16", "3"), ("w1a1", "1", "1"), ("w2a16", "2", "16")],
)
def test_precisions_are_read_and_written_alike(text: str, weight: str, activation: str) -> None:
    precision = Precision.parse(text)
    assert (precision.weight.name, precision.activation.name) == (weight, activation)
    assert str(precision) == text
    assert precision == Precision.of(float(weight), float(activation))


@given(st.sampled_from(FORMATS), st.sampled_from([one for one in FORMATS if one.activations]))
def test_every_precision_survives_its_text(weight: object, activation: object) -> None:
    precision = Precision(weight, activation)  # type: ignore[arg-type]
    assert Precision.parse(str(precision)) == precision


def test_fp16_has_a_name_of_its_own() -> None:
    assert str(FP16) == "fp16"
    assert Precision.parse("fp16") == Precision.parse("w16a16") == Precision.of(16, 16) == FP16


@pytest.mark.parametrize("text", ["w2", "fp8", "", "w2a2 ", "a2", "w2a", "W2A2", "w1,58a8", "w1.a8", "w.5a8", "w2a2a2"])
def test_precisions_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UserError, match="is no precision; write fp16, or the bits of weights and activations"):
        Precision.parse(text)


@pytest.mark.parametrize("text", ["w5a5", "w9a9", "w1.5a8", "w2a32", "w0a1"])
def test_precisions_of_formats_that_do_not_exist(text: str) -> None:
    with pytest.raises(UserError, match=rf"^here: {re.escape(text)}: \S+ bits do not exist; (weights|activations) can"):
        Precision.parse(text, "here")


def test_precisions_are_ordered_by_weights_then_activations() -> None:
    wanted = ["w1a1", "w1a8", "w1.58a2", "w2a2", "w3a16", "w4a3", "fp16"]
    assert [str(p) for p in sorted(map(Precision.parse, reversed(wanted)))] == wanted


def test_bit_operations_follow_from_the_bits_also_where_they_are_no_integers() -> None:
    assert quant_ops(Precision.of(3, 3)) == 12
    assert quant_ops(Precision.of(1.58, 8)) == pytest.approx(1.58 * 8 + 8)
    ladder = [Precision.of(w, 8).cost for w in (1, 1.58, 2, 3, 4, 8)]
    assert ladder == sorted(set(ladder))
    assert Precision.of(3, 16).cost == Precision.of(16, 3).cost == FP16.cost == 1
