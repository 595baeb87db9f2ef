"""Rows: configurations that anybody could write by hand, by name."""

import pytest

from spaces import FP16, Assignment, Precision, SearchSpace, UserError
from spaces.architecture import GROUPS
from tests.spaces.pocket import ARCHITECTURE, space_of

WEIGHTS, ACTIVATIONS = [1, 1.58, 2, 3, 4, 8, 16], [1, 2, 3, 4, 8, 16]
FLOORS = {"front_end": "w4a8", "position": "w4a8", "projection": 8}


def whole(**more: object) -> SearchSpace:
    """Every layer of the model, the front end and the projection with floors."""
    return SearchSpace(
        ARCHITECTURE, groups=GROUPS, weight_bits=WEIGHTS, activation_bits=ACTIVATIONS,
        **{"least_bits": FLOORS, **more},
    )  # type: ignore[arg-type]  # fmt: skip


def of_groups(assignment: Assignment) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for layer in ARCHITECTURE.layers:
        found.setdefault(layer.group, set()).add(str(assignment[layer.name]))
    return found


def test_a_row_of_one_precision_leaves_groups_above_it_in_fp16() -> None:
    found = of_groups(whole().rows.of("w2a4"))
    assert found["attention"] == found["feed_forward"] == {"w2a4"}
    assert found["products"] == {"w4a4"}
    assert found["front_end"] == found["position"] == found["projection"] == {"fp16"}
    assert of_groups(whole(least_bits={}).rows.of("w2a4"))["position"] == {"w2a4"}


def test_a_row_of_two_precisions_has_the_rest_apart_and_no_lower_than_its_floors() -> None:
    found = of_groups(whole().rows.of("w2a4+w4a8"))
    assert found["attention"] == found["feed_forward"] == {"w2a4"}
    assert found["products"] == {"w4a4"}
    assert found["front_end"] == found["position"] == {"w4a8"}
    assert found["projection"] == {"w8a8"}
    assert of_groups(whole().rows.of("w1.58a3+fp16"))["position"] == {"fp16"}


@pytest.mark.parametrize(
    "name", ["fp16", "w8a8", "w1a1", "w2a4", "w1.58a8", "w3a2", "w2a4+fp16", "w2a4+w4a8", "w1.58a3+w4a8", "w3a16+fp16"]
)
def test_a_row_has_the_name_that_it_was_made_of(name: str) -> None:
    space = whole()
    row = space.rows.of(name)
    assert row in space
    own = space.rows.name(row)
    assert own is not None
    assert space.rows.of(own) == row
    # a row and the same with the rest in fp16 are one where the rest goes no lower anyhow
    assert own == name or f"{own}+fp16" == name
    if "+w4a8" not in name:
        free = whole(least_bits={})
        assert free.rows.name(free.rows.of(name)) == name


def test_the_grid_is_every_width_by_every_width_with_the_rest_low_and_in_fp16() -> None:
    space = whole()
    grid = space.rows.grid
    assert len(set(grid.values())) == len(grid)
    assert all(row in space for row in grid.values())
    lowest = "w4a8"  # of the rest: each of its groups is raised to its own floor
    for weight in WEIGHTS:
        for activation in ACTIVATIONS:
            blocks = str(Precision.of(weight, activation))
            names = {space.rows.name(space.rows.of(f"{blocks}{rest}")) for rest in ("", f"+{lowest}", "+fp16")}
            assert None not in names
            assert names <= grid.keys()
    assert len(grid) <= 3 * len(WEIGHTS) * len(ACTIVATIONS)
    assert grid["w2a4"]["position"] == FP16
    assert grid["w2a4+w4a8"]["position"] == grid["w2a4+w4a8"]["front_end.conv0"] == Precision.of(4, 8)
    assert grid["w2a4+w4a8"]["projection"] == Precision.of(8, 8)
    free = whole(least_bits={}).rows.grid
    assert free["w2a4+fp16"]["position"] == FP16
    assert free["w2a4+w1a1"]["front_end.conv0"] == free["w2a4+w1a1"]["projection"] == Precision.of(1, 1)
    assert free["w2a4"]["projection"] == Precision.of(2, 4)


def test_a_mixture_has_no_name() -> None:
    space = space_of("module")
    low = space.decode({**dict.fromkeys(space.variables, 2), "block0.attention.w": 0})
    assert space.rows.name(low) is None
    assert space.rows.name(Assignment({"block0.attention.q_proj": Precision.of(2, 2)})) is None
    assert space.rows.name(Assignment({})) == "fp16"
    assert space.rows.name(space.uniform(Precision.of(2, 2))) == "w2a2"


def test_rows_of_unequal_widths_are_named_too() -> None:
    space = space_of("model")
    for choices in ({"model.w": i, "model.a": j} for i in range(5) for j in range(5)):
        assert space.rows.name(space.decode(choices)) is not None
    assert space.rows.name(space.uniform(Precision.of(2, 8))) == "w2a8"
    assert set(space.rows.grid) >= {"w2a8", "w8a2", "w1a16", "fp16"}


def test_tied_ladders_name_what_is_on_them() -> None:
    space = space_of("block", precisions=["w1a8", "w2a2", "fp16"])
    assert set(space.rows.grid) == {"w1a8", "w2a2", "fp16"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("w2a4+w4a8", r"space\.uniform: w2a4\+w4a8: the space holds no layer outside the blocks; write w2a4"),
        ("w2+w4a8", "space.uniform: 'w2' is no precision"),
        ("w2a4+", "space.uniform: '' is no precision"),
        ("w2a5", "space.uniform: w2a5: 5 bits do not exist; activations can have"),
        ("w2a1.58", "activations can have 1, 2, 3, 4, 8, 16"),
        ("", "is no precision"),
    ],
)
def test_rows_that_cannot_be_are_told(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        space_of().rows.of(name)


def test_a_broken_second_half_is_told() -> None:
    with pytest.raises(UserError, match="'w4' is no precision"):
        whole().rows.of("w2a4+w4")
