"""Hypervolumes against closed forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.hypervolume import hypervolume
from tests.search.made_up import COSTS


def test_hypervolume_of_boxes_in_closed_form() -> None:
    reference = (100.0, 10.0, 1.0)
    assert hypervolume([(50.0, 5.0, 0.5)], reference) == pytest.approx(1 / 8)
    # two boxes of 1/2 x 1/4 x 1 and 1/4 x 1/2 x 1 that share 1/4 x 1/4 x 1
    assert hypervolume([(50.0, 7.5, 0.0), (75.0, 5.0, 0.0)], reference) == pytest.approx(1 / 8 + 1 / 8 - 1 / 16)
    assert hypervolume([], reference) == 0
    assert hypervolume([(120.0, 1.0, 0.1)], reference) == 0


@given(st.lists(COSTS, min_size=1, max_size=12), COSTS)
def test_hypervolume_never_falls(costs: list[tuple[float, float, float]], more: tuple[float, float, float]) -> None:
    reference = (100.0, 10.0, 1.0)
    assert hypervolume([*costs, more], reference) >= hypervolume(costs, reference) - 1e-12
