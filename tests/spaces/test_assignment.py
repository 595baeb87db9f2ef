"""Assignments: JSON in and out, what is said of them."""

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces import Assignment, Precision, UserError
from spaces.assignment import fitted
from spaces.precision import FORMATS
from tests.spaces.pocket import ARCHITECTURE, space_of

PRECISIONS = st.builds(
    Precision, st.sampled_from(FORMATS), st.sampled_from([one for one in FORMATS if one.activations])
)


@given(st.dictionaries(st.sampled_from([x.name for x in ARCHITECTURE.layers]), PRECISIONS))
def test_assignment_survives_json(precisions: dict[str, Precision]) -> None:
    layers = {layer.name: layer for layer in ARCHITECTURE.layers}
    assignment = Assignment({name: fitted(layers[name], p) for name, p in precisions.items()})
    again = Assignment.from_json(assignment.to_json(), ARCHITECTURE)
    assert again == assignment
    assert hash(again) == hash(assignment)
    assert again.digest == assignment.digest
    assert pickle.loads(pickle.dumps(assignment)) == assignment


def test_mean_bits() -> None:
    assert space_of().uniform(Precision.of(2, 2)).mean_bits(ARCHITECTURE) == 2
    assert Assignment({}).mean_bits(ARCHITECTURE) == 16


def test_short_form_merges_runs() -> None:
    space = space_of()
    choices = dict.fromkeys(space.variables, 1) | {"block0.attention.w": 0, "block1.attention.w": 0}
    assert space.decode(choices).short(ARCHITECTURE) == ("attention w1a2 0-1, w2a2 2-5; products a2; feed_forward w2a2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "must be a JSON object"),
        ("{", "not JSON"),
        (json.dumps({"block9.attention.q_proj": "w1a1"}), "has no layer 'block9.attention.q_proj'"),
        (json.dumps({"block0.attention.q_proj": "w5a1"}), "block0.attention.q_proj: w5a1: 5 bits do not exist"),
        (
            json.dumps({"block0.attention.q_proj": "w2a1.58"}),
            "w2a1.58: 1.58 bits do not exist; activations can have 1, 2, 3",
        ),
        (json.dumps({"block0.attention.q_proj": "w3"}), "block0.attention.q_proj: 'w3' is no precision"),
        (json.dumps({"block0.attention.q_proj": 3}), "block0.attention.q_proj: 3 is no precision"),
    ],
)
def test_a_broken_assignment_is_named(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Assignment.from_json(text, ARCHITECTURE)
