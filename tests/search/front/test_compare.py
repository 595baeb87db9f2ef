"""Fronts side by side."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.front.compare import Contender, attainments, compare
from search.hypervolume import hypervolume
from tests.search.made_up import COSTS

LOW = Contender("low", ("a", "b", "lost"), ((10.0, 1.0, 0.5), (5.0, 2.0, 0.5), (11.0, 3.0, 0.6)))
HIGH = Contender("high", ("c", "d"), ((12.0, 1.0, 0.5), (4.0, 4.0, 0.5)))


def test_the_front_is_of_its_own_alone() -> None:
    assert LOW.front == [(10.0, 1.0, 0.5), (5.0, 2.0, 0.5)]


def test_volumes_are_on_one_reference_and_coverage_is_of_the_other_front() -> None:
    found = compare([LOW, HIGH])
    assert found.reference == pytest.approx((13.2, 4.4, 0.55))
    assert found.volumes == tuple(hypervolume(one.front, found.reference) for one in (LOW, HIGH))
    assert found.coverage == ((1.0, 0.5), (0.0, 1.0))
    assert found.kept == (1.0, 0.5)


@given(st.lists(st.lists(COSTS, min_size=1, max_size=6), min_size=2, max_size=4))
def test_each_covers_itself_and_one_that_covers_another_is_worth_no_less(
    sets: list[list[tuple[float, float, float]]],
) -> None:
    contenders = [Contender(str(i), tuple(map(str, range(len(s)))), tuple(s)) for i, s in enumerate(sets)]
    found = compare(contenders)
    for i, own in enumerate(found.coverage):
        assert own[i] == 1.0
        for j, share in enumerate(own):
            if share == 1.0:
                assert found.volumes[i] >= found.volumes[j] - 1e-9


def test_seeds_attain_what_half_of_them_reach() -> None:
    seeds = [Contender(str(i), ("a", "b"), ((20.0 + i, 1.0, 0.5), (10.0 + i, 2.0 + i, 0.5)), "study") for i in range(3)]
    (found,) = attainments([*seeds, HIGH])
    assert (found.group, found.seeds) == ("study", 3)
    assert found.storage_mb == (1.0, 2.0, 3.0, 4.0)
    assert found.best == (20.0, 10.0, 10.0, 10.0)
    assert found.median == (21.0, 21.0, 11.0, 11.0)
    assert found.worst == (22.0, 22.0, 22.0, 12.0)
    assert attainments([seeds[0], HIGH]) == []


def test_a_seed_without_anything_as_small_attains_nothing_there() -> None:
    seeds = [Contender(str(i), ("a",), ((20.0, 1.0 + i, 0.5),), "study") for i in range(2)]
    assert attainments(seeds)[0].worst == (math.inf, 20.0)
