"""The search space: choices, ladders, coding."""

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces import FP16, Assignment, Precision, SearchSpace, UserError
from spaces.architecture import GROUPS
from spaces.choice import GRANULARITIES
from tests.spaces.pocket import ARCHITECTURE, space_of

WIDE = {"weight_bits": [1, 1.58, 2, 3, 4, 8, 16], "activation_bits": [1, 2, 3, 4, 8, 16]}


@pytest.mark.parametrize(
    ("granularity", "variables"),
    [("model", 2), ("group", 5), ("block", 12), ("module", 6 * 5), ("linear", 6 * (4 * 2 + 2 + 2 * 2))],
)
def test_number_of_choices(granularity: str, variables: int) -> None:
    assert len(space_of(granularity).variables) == variables


@given(st.data(), st.sampled_from(list(GRANULARITIES)), st.booleans())
def test_encode_is_the_inverse_of_decode(data: st.DataObject, granularity: str, tied: bool) -> None:
    ladders = {"precisions": ["w1a1", "w1a8", "w1.58a4", "w2a2", "w3a3", "w4a8", "fp16"]} if tied else WIDE
    space = space_of(granularity, **ladders)
    choices = {name: data.draw(st.integers(0, rungs - 1)) for name, rungs in space.variables.items()}
    assert space.encode(space.decode(choices)) == choices


def test_ordinal_choices_rise_with_the_bits() -> None:
    space = space_of()
    low = space.decode(dict.fromkeys(space.variables, 0))
    high = space.decode({name: rungs - 1 for name, rungs in space.variables.items()})
    assert low == space.uniform(Precision.of(1, 1))
    assert high == space.uniform(FP16) == Assignment({})


def test_the_papers_members_quantize_every_linear_and_both_products() -> None:
    member = space_of().uniform(Precision.parse("w2a2"))
    assert len(member) == 6 * (6 + 2)
    assert set(member.values()) == {Precision.of(2, 2)}


def test_product_has_activation_bits_only() -> None:
    assert space_of().uniform(Precision.of(1, 8))["block0.products.scores"] == Precision.of(8, 8)


def test_suggest_asks_optuna_for_every_choice() -> None:
    space = space_of()
    trial = optuna.create_study().ask()
    assignment = space.suggest(trial)
    assert set(trial.params) == set(space.variables)
    assert space.decode(trial.params) == assignment


def test_groups_beyond_the_blocks() -> None:
    space = SearchSpace(ARCHITECTURE, groups=GROUPS, precisions=["w4a8", "w8a8", "fp16"])
    assert {"front_end.conv0", "projection", "position"} <= set(space.variables)


def test_signature_changes_with_the_space() -> None:
    assert space_of().signature == space_of().signature
    assert len({space_of(g).signature for g in GRANULARITIES}) == len(GRANULARITIES) == 5


def test_one_choice_a_group_is_shared_by_all_blocks() -> None:
    space = SearchSpace(
        ARCHITECTURE, granularity="group", groups=GROUPS, weight_bits=[1, 2, 3, 16], activation_bits=[1, 2, 3, 16],
        least_bits={"front_end": "w2a3"},
    )  # fmt: skip
    names = [choice.name.removesuffix(".a") for choice in space.choices]  # products have activations alone
    assert names == [*dict.fromkeys(x.group for x in ARCHITECTURE.layers)]
    assert set(space.variables) == {f"{g}.{of}" for g in GROUPS for of in "wa"} - {"products.w"}
    assert space.labels["front_end.w"] == ("2 bit", "3 bit", "16 bit")
    low = space.decode({n: rungs - 1 for n, rungs in space.variables.items()} | {"attention.w": 0, "attention.a": 1})
    for layer in ARCHITECTURE.layers:
        if layer.group == "attention":
            assert low[layer.name] == Precision.of(1, 2)
    with pytest.raises(UserError, match="ties together"):
        space.encode(Assignment({**low, "block1.attention.q_proj": FP16}))


def test_a_granularity_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(UserError, match=r"space\.granularity: 'head' does not exist; choose from model, group, block"):
        space_of("head")


def test_ladders_of_three_and_of_ternary_bits() -> None:
    space = space_of("module", **WIDE)
    assert space.labels["block0.attention.w"] == ("1 bit", "1.58 bit", "2 bit", "3 bit", "4 bit", "8 bit", "16 bit")
    assert space.labels["block0.products.a"] == ("1 bit", "2 bit", "3 bit", "4 bit", "8 bit", "16 bit")
    ternary = space.uniform(Precision.of(1.58, 3))
    assert ternary in space
    assert ternary.mean_bits(ARCHITECTURE) == pytest.approx(1.58)
    assert ternary["block0.products.scores"] == Precision.of(3, 3)
    assert space.signature != space_of("module").signature
    with pytest.raises(
        UserError, match=r"space\.activation_bits: 1\.58 bits do not exist; activations can have 1, 2, 3"
    ):
        space_of("module", weight_bits=[2], activation_bits=[1.58, 2])
    with pytest.raises(UserError, match=r"space\.precisions: w2a1\.58: 1\.58 bits do not exist; activations can have"):
        space_of("module", precisions=["w2a1.58"])


def test_a_ladder_given_out_of_order_or_twice_is_the_same_ladder() -> None:
    wanted = space_of("module", **WIDE)
    other = space_of("module", weight_bits=[16, 8, 4, 3, 2, 1.58, 1, 2.0], activation_bits=[16, 1, 8, 2, 4, 3])
    assert other.labels == wanted.labels
    assert other.signature == wanted.signature


@pytest.mark.parametrize(
    "ladders", [{}, {"weight_bits": [1]}, {"precisions": ["w1a1"], "weight_bits": [1], "activation_bits": [1]}]
)
def test_ladders_given_in_neither_way(ladders: dict[str, list[object]]) -> None:
    with pytest.raises(UserError, match="either precisions, or both"):
        SearchSpace(ARCHITECTURE, **ladders)  # type: ignore[arg-type]


def test_encode_refuses_what_the_space_ties_together() -> None:
    space = space_of("model")
    with pytest.raises(UserError, match="ties together"):
        space.encode(Assignment({"block0.attention.q_proj": Precision.of(1, 1)}))
