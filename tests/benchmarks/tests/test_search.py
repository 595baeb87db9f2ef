"""The small form of the comparison of samplers."""

from pathlib import Path

import pytest

from search.hypervolume import hypervolume
from tests.benchmarks.problems import additive, agreements
from tests.benchmarks.search import SAMPLERS, draw, greedy, medians, one_run, problem_of, run, table


@pytest.mark.parametrize("pairs", [False, True])
def test_nothing_found_is_better_than_the_front_by_dynamic_programming(pairs: bool) -> None:
    problem = additive(pairs)
    assert problem.best is not None
    found = [*run(problem, SAMPLERS["random"](problem, 0), 60), *greedy(problem, 40)]
    assert 0.9 * problem.best < hypervolume(found, problem.reference) <= problem.best


def test_ours_beats_random_and_the_greedy_path_after_forty_evaluations(tmp_path: Path) -> None:
    for sampler in ("hubits", "random"):
        for seed in range(2):
            one_run("additive", sampler, seed, 40, tmp_path)
    frame = table("additive", 2, 40, tmp_path)
    found = frame[frame.evaluations == 40].groupby("sampler").hypervolume.median()
    assert found["hubits"] > 0.98
    assert found["hubits"] > found["greedy"] > found["random"]
    assert "hubits" in medians(frame)
    assert {trace.name for trace in draw(frame).data} == {"hubits", "random", "greedy"}
    before = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    one_run("additive", "hubits", 0, 40, tmp_path)  # a run that is kept is not made again
    assert {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before


def test_the_readmes_correlations_are_those_of_the_table() -> None:
    found = agreements(problem_of("pocket").lost)
    assert [round(value, 3) for value in found.values()] == [0.984, 0.973, 0.974]
