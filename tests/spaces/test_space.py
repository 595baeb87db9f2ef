import json

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.models.families import pocket_config
from spaces import FP16, Architecture, Assignment, Precision, SearchSpace, UserError
from spaces.architecture import GROUPS

ARCHITECTURE = Architecture(pocket_config().to_dict(), "pocket")
BITS = [1, 2, 4, 8, 16]


def _space(granularity: str = "module", **more: object) -> SearchSpace:
    given = more or {"weight_bits": BITS, "activation_bits": BITS}
    return SearchSpace(ARCHITECTURE, granularity=granularity, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("granularity", "variables"), [("model", 2), ("block", 12), ("module", 6 * 5), ("linear", 6 * (4 * 2 + 2 + 2 * 2))]
)
def test_number_of_choices(granularity: str, variables: int) -> None:
    assert len(_space(granularity).variables) == variables


@given(st.data(), st.sampled_from(["model", "block", "module", "linear"]), st.booleans())
def test_encode_is_the_inverse_of_decode(data: st.DataObject, granularity: str, tied: bool) -> None:
    ladders = {"precisions": ["w1a1", "w1a8", "w2a2", "w4a8", "fp16"]} if tied else {}
    space = _space(granularity, **ladders)
    choices = {name: data.draw(st.integers(0, rungs - 1)) for name, rungs in space.variables.items()}
    assert space.encode(space.decode(choices)) == choices


@given(st.dictionaries(st.sampled_from([x.name for x in ARCHITECTURE.layers]), st.sampled_from(BITS)))
def test_assignment_survives_json(bits: dict[str, int]) -> None:
    assignment = Assignment({name: Precision.of(b, b) for name, b in bits.items()})
    again = Assignment.from_json(assignment.to_json(), ARCHITECTURE)
    assert again == assignment
    assert hash(again) == hash(assignment)
    assert again.digest == assignment.digest


def test_ordinal_choices_rise_with_the_bits() -> None:
    space = _space()
    low = space.decode(dict.fromkeys(space.variables, 0))
    high = space.decode({name: rungs - 1 for name, rungs in space.variables.items()})
    assert low == space.uniform(Precision.of(1, 1))
    assert high == space.uniform(FP16) == Assignment({})


def test_the_papers_members_quantize_every_linear_and_both_products() -> None:
    member = _space().uniform(Precision.parse("w2a2"))
    assert len(member) == 6 * (6 + 2)
    assert set(member.values()) == {Precision.of(2, 2)}


def test_product_has_activation_bits_only() -> None:
    assert _space().uniform(Precision.of(1, 8))["block0.products.scores"] == Precision.of(8, 8)


def test_suggest_asks_optuna_for_every_choice() -> None:
    space = _space()
    trial = optuna.create_study().ask()
    assignment = space.suggest(trial)
    assert set(trial.params) == set(space.variables)
    assert space.decode(trial.params) == assignment


def test_groups_beyond_the_blocks() -> None:
    space = SearchSpace(ARCHITECTURE, groups=GROUPS, precisions=["w4a8", "w8a8", "fp16"])
    assert {"front_end", "projection", "position"} <= set(space.variables)


def test_signature_changes_with_the_space() -> None:
    assert _space().signature == _space().signature
    assert len({_space(g).signature for g in ("model", "block", "module", "linear")}) == 4


def test_mean_bits() -> None:
    assert _space().uniform(Precision.of(2, 2)).mean_bits(ARCHITECTURE) == 2
    assert Assignment({}).mean_bits(ARCHITECTURE) == 16


def test_short_form_merges_runs() -> None:
    space = _space()
    choices = dict.fromkeys(space.variables, 1) | {"block0.attention.w": 0, "block1.attention.w": 0}
    assert space.decode(choices).short(ARCHITECTURE) == ("attention w1a2 0-1, w2a2 2-5; products a2; feed_forward w2a2")


@pytest.mark.parametrize("text", ["w3a3", "w2", "fp8", "", "w2a2 ", "w16a3"])
def test_precisions_that_do_not_exist(text: str) -> None:
    with pytest.raises(UserError, match="is no precision"):
        Precision.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "must be a JSON object"),
        ("{", "not JSON"),
        (json.dumps({"block9.attention.q_proj": "w1a1"}), "has no layer 'block9.attention.q_proj'"),
        (json.dumps({"block0.attention.q_proj": "w3a1"}), "block0.attention.q_proj: 'w3a1' is no precision"),
        (json.dumps({"block0.attention.q_proj": 3}), "block0.attention.q_proj: 3 is no precision"),
    ],
)
def test_a_broken_assignment_is_named(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Assignment.from_json(text, ARCHITECTURE)


@pytest.mark.parametrize(
    "ladders", [{}, {"weight_bits": [1]}, {"precisions": ["w1a1"], "weight_bits": [1], "activation_bits": [1]}]
)
def test_ladders_given_in_neither_way(ladders: dict[str, list[object]]) -> None:
    with pytest.raises(UserError, match="either precisions, or both"):
        SearchSpace(ARCHITECTURE, **ladders)  # type: ignore[arg-type]


def test_encode_refuses_what_the_space_ties_together() -> None:
    space = _space("model")
    with pytest.raises(UserError, match="ties together"):
        space.encode(Assignment({"block0.attention.q_proj": Precision.of(1, 1)}))


def test_a_group_with_a_floor_goes_no_lower_and_stays_in_fp16_below_it() -> None:
    space = SearchSpace(
        ARCHITECTURE, groups=["attention", "front_end"], weight_bits=[1, 2, 4, 8, 16], activation_bits=[1, 2, 4, 8, 16],
        least_bits={"front_end": 4},
    )  # fmt: skip
    assert space.variables["front_end.w"] == space.variables["front_end.a"] == 3
    assert space.labels["front_end.w"] == ("4 bit", "8 bit", "16 bit")
    lowest = space.decode(dict.fromkeys(space.variables, 0))
    assert lowest["front_end.conv0"] == Precision.of(4, 4)
    assert lowest["block0.attention.q_proj"] == Precision.of(1, 1)
    low, high = space.uniform(Precision.of(2, 2)), space.uniform(Precision.of(8, 8))
    assert (low["front_end.conv0"], low["block0.attention.q_proj"]) == (FP16, Precision.of(2, 2))
    assert high["front_end.conv0"] == Precision.of(8, 8)
    for assignment in (lowest, low, high):
        assert space.decode(space.encode(assignment)) == assignment
    with pytest.raises(UserError, match=r"front_end: .* is not on"):
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
    with pytest.raises(UserError, match=r"space\.least_bits: front_end: 3 bits do not exist"):
        SearchSpace(ARCHITECTURE, least_bits={"front_end": 3}, **bits)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="nothing is left on the ladder of front_end"):
        SearchSpace(
            ARCHITECTURE, groups=["front_end"], least_bits={"front_end": 4}, weight_bits=[1, 2], activation_bits=[1, 2]
        )


def test_tied_ladders_have_floors_too() -> None:
    space = SearchSpace(
        ARCHITECTURE, groups=["attention", "front_end"], precisions=["w1a1", "w2a8", "w4a8", "fp16"],
        least_bits={"front_end": 4},
    )  # fmt: skip
    assert space.labels["front_end"] == ("w4a8", "fp16")
    assert space.labels["block0.attention"] == ("w1a1", "w2a8", "w4a8", "fp16")
