"""Rank agreement of two fidelities."""

import pytest

from search.stages.fidelity import agreement
from tests.search.made_up import member


def test_agreement_is_spearmans() -> None:
    low = [member(float(w), 1, 1, number=i) for i, w in enumerate([1, 2, 3, 4, 9])]
    high = [member(float(w), 1, 1, number=i) for i, w in enumerate([1, 3, 2, 4])]
    found = agreement(low, high, ("supernet", "short"))
    assert found is not None
    assert found.candidates == 4
    assert found.correlation == pytest.approx(0.8)
    assert str(found) == "supernet and short: 0.800 over 4 candidates"
    assert agreement(low, high[:2], ("a", "b")) is None
    assert agreement(low, [member(1.0, 1, 1, number=i) for i in range(4)], ("a", "b")) is None  # no ranks to compare
