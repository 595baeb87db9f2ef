"""The small form of the comparison of samplers."""

import pytest

from search.pareto import hypervolume
from tests.benchmarks.problems import additive
from tests.benchmarks.search import SAMPLERS, compare, greedy, medians, run


@pytest.mark.parametrize("pairs", [False, True])
def test_nothing_found_is_better_than_the_front_by_dynamic_programming(pairs: bool) -> None:
    problem = additive(pairs)
    assert problem.best is not None
    found = [*run(problem, SAMPLERS["random"](problem, 0), 60), *greedy(problem, 40)]
    assert 0.9 * problem.best < hypervolume(found, problem.reference) <= problem.best


def test_ours_beats_random_after_forty_evaluations() -> None:
    frame = compare(additive(), ["hubits", "random"], seeds=2, evaluations=40)
    table = frame[frame.evaluations == 40].groupby("sampler").hypervolume.median()
    assert table["hubits"] > 0.95
    assert table["hubits"] > table["random"] + 0.05
    assert "hubits" in medians(frame)
