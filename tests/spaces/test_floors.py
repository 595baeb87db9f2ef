"""Floors: how low a group may go."""

import pytest

from spaces import FP16, Assignment, Precision, SearchSpace, UserError
from tests.spaces.pocket import ARCHITECTURE


def test_a_group_with_a_floor_goes_no_lower_and_stays_in_fp16_below_it() -> None:
    space = SearchSpace(
        ARCHITECTURE, groups=["attention", "front_end"], weight_bits=[1, 2, 4, 8, 16], activation_bits=[1, 2, 4, 8, 16],
        least_bits={"front_end": 4},
    )  # fmt: skip
    assert space.variables["front_end.conv0.w"] == space.variables["front_end.conv0.a"] == 3
    assert space.labels["front_end.conv0.w"] == ("4 bit", "8 bit", "16 bit")
    lowest = space.decode(dict.fromkeys(space.variables, 0))
    assert lowest["front_end.conv0"] == Precision.of(4, 4)
    assert lowest["block0.attention.q_proj"] == Precision.of(1, 1)
    low, high = space.uniform(Precision.of(2, 2)), space.uniform(Precision.of(8, 8))
    assert (low["front_end.conv0"], low["block0.attention.q_proj"]) == (FP16, Precision.of(2, 2))
    assert high["front_end.conv0"] == Precision.of(8, 8)
    for assignment in (lowest, low, high):
        assert space.decode(space.encode(assignment)) == assignment
    with pytest.raises(UserError, match=r"front_end.conv0: .* is not on"):
        space.encode(Assignment({"front_end.conv0": Precision.of(2, 2)}))


def test_floors_that_cannot_be_are_refused() -> None:
    bits = {"weight_bits": [1, 2, 16], "activation_bits": [1, 2, 16]}
    with pytest.raises(UserError, match="several groups"):
        SearchSpace(
            ARCHITECTURE, granularity="model", groups=["attention", "front_end"], least_bits={"front_end": 4},
            weight_bits=[1, 16], activation_bits=[1, 16],
        )  # fmt: skip
    with pytest.raises(UserError, match=r"space\.least_bits: 'nose' does not exist"):
        SearchSpace(ARCHITECTURE, least_bits={"nose": 4}, **bits)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"space\.least_bits: front_end: 5 bits do not exist"):
        SearchSpace(ARCHITECTURE, least_bits={"front_end": 5}, **bits)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="nothing is left on the ladder of front_end"):
        SearchSpace(
            ARCHITECTURE, groups=["front_end"], least_bits={"front_end": 4}, weight_bits=[1, 2], activation_bits=[1, 2]
        )


def test_tied_ladders_have_floors_too() -> None:
    space = SearchSpace(
        ARCHITECTURE, groups=["attention", "front_end"], precisions=["w1a1", "w2a8", "w4a8", "fp16"],
        least_bits={"front_end": 4},
    )  # fmt: skip
    assert space.labels["front_end.conv0"] == ("w4a8", "fp16")
    assert space.labels["block0.attention"] == ("w1a1", "w2a8", "w4a8", "fp16")


def test_a_floor_may_be_a_precision() -> None:
    space = SearchSpace(
        ARCHITECTURE, groups=["attention", "front_end", "projection"], weight_bits=[1, 1.58, 2, 3, 4, 8, 16],
        activation_bits=[1, 2, 3, 4, 8, 16], least_bits={"front_end": "w4a8", "projection": "w1.58a3"},
    )  # fmt: skip
    assert space.labels["front_end.conv0.w"] == ("4 bit", "8 bit", "16 bit")
    assert space.labels["front_end.conv0.a"] == ("8 bit", "16 bit")
    assert space.labels["projection.w"] == ("1.58 bit", "2 bit", "3 bit", "4 bit", "8 bit", "16 bit")
    assert space.labels["projection.a"] == ("3 bit", "4 bit", "8 bit", "16 bit")
    assert len(space.labels["block0.attention.w"]) == 7
    # a row reaches a group only where both its widths do
    found = space.uniform(Precision.parse("w4a4"))
    assert (found["front_end.conv0"], found["projection"]) == (FP16, Precision.parse("w4a4"))
    assert space.uniform(Precision.parse("w4a8"))["front_end.conv0"] == Precision.parse("w4a8")
    assert space.uniform(Precision.parse("w1a8"))["projection"] == FP16


def test_a_number_is_the_floor_of_both() -> None:
    made = [
        SearchSpace(
            ARCHITECTURE, groups=["front_end"], weight_bits=[2, 3, 4, 16], activation_bits=[2, 3, 4, 16],
            least_bits={"front_end": floor},
        )
        for floor in (3, "w3a3")
    ]  # fmt: skip
    assert made[0].labels == made[1].labels
    assert made[0].labels["front_end.conv0.w"] == ("3 bit", "4 bit", "16 bit")
    assert made[0].signature == made[1].signature


@pytest.mark.parametrize(
    ("floor", "message"),
    [
        ("w4", r"space\.least_bits: front_end: 'w4' is no precision"),
        ("4", r"space\.least_bits: front_end: '4' is no precision"),
        ("w4a1.58", r"space\.least_bits: front_end: w4a1\.58: 1\.58 bits do not exist; activations can have 1, 2, 3"),
        (1.58, r"space\.least_bits: front_end: 1\.58 bits do not exist; activations can have"),
        (5, r"space\.least_bits: front_end: 5 bits do not exist; weights can have 1, 1\.58, 2, 3, 4, 8, 16"),
    ],
)
def test_a_floor_that_cannot_be_is_told(floor: float | str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        SearchSpace(
            ARCHITECTURE, groups=["front_end"], weight_bits=[4, 16], activation_bits=[4, 16],
            least_bits={"front_end": floor},
        )  # fmt: skip


def test_signatures_change_with_the_floors() -> None:
    signatures = {
        SearchSpace(
            ARCHITECTURE, groups=["front_end"], weight_bits=[4, 8, 16], activation_bits=[4, 8, 16], least_bits=floors
        ).signature
        for floors in ({}, {"front_end": 8}, {"front_end": "w4a8"}, {"front_end": "w8a4"})
    }
    assert len(signatures) == 4
