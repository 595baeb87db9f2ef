"""Bits of layers over a front's mixtures, and the agreement of two fronts."""

import pytest

from search.front.layer_bits import LayerBits, Side, layer_bits, rank_agreement
from spaces import Assignment, Precision
from tests.search.made_up import SPACE, member


def _two() -> list[Assignment]:
    names = [layer.name for layer in SPACE.layers]
    low, high = Precision.of(1, 4), Precision.of(4, 4)
    return [Assignment({name: high if i == which else low for i, name in enumerate(names)}) for which in (0, 1)]


def test_the_geometric_mean_over_the_fronts_mixtures() -> None:
    row = member(1, 1.0, 9.0, 1, uniform=True, assignment=SPACE.uniform(Precision.of(8, 8)))
    mixtures = [member(2 + i, 5.0 + i, 1.0 - 0.1 * i, 1, assignment=a) for i, a in enumerate(_two())]
    beaten = member(9, 50.0, 9.0, 2, assignment=_two()[0])
    found = layer_bits([row, *mixtures, beaten], SPACE.layers)
    first, second, third = (found[layer.name] for layer in SPACE.layers[:3])
    assert first.weight == second.weight == pytest.approx(2)  # of 1 and 4
    assert third.weight == 1
    assert {bits.activation for bits in found.values()} == {4}
    products = [layer for layer in SPACE.layers if not layer.weights]
    assert products
    assert all(found[layer.name].weight is None for layer in products)
    assert layer_bits([row], SPACE.layers) == {}


def _bits(values: dict[str, float]) -> dict[str, LayerBits]:
    return {name: LayerBits(name, 0, value, 4.0 * value) for name, value in values.items()}


@pytest.mark.parametrize("side", ["weight", "activation"])
def test_agreement_is_of_ranks_over_the_layers_that_both_have(side: Side) -> None:
    one = _bits({"a": 1, "b": 2, "c": 4, "d": 8})
    assert rank_agreement(one, _bits({"a": 1, "b": 3, "c": 9, "e": 0.5}), side) == pytest.approx(1)
    backwards = {name: LayerBits(name, 0, 1 / b.weight, 1 / b.activation) for name, b in one.items() if b.weight}
    assert rank_agreement(one, backwards, side) == pytest.approx(-1)


def test_nothing_is_said_of_too_few_layers_or_of_one_width() -> None:
    assert rank_agreement(_bits({"a": 1}), _bits({"a": 2}), "weight") is None
    flat = {name: LayerBits(name, 0, 4.0, 4.0) for name in "abc"}
    assert rank_agreement(flat, _bits({"a": 1, "b": 2, "c": 3}), "weight") is None
