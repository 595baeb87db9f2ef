"""Where candidates for proposals come from."""

from itertools import pairwise
from pathlib import Path

from search.samplers.proposals import greedy_path, saving
from search.study.study_file import StudyFile


def test_the_greedy_path_takes_the_cheapest_step_first(tiny: Path) -> None:
    space = StudyFile.load(tiny).search_space
    table = {name: [0.1 * (i + 1) * r for r in (4, 3, 2, 1, 0)] for i, name in enumerate(space.variables)}
    path = greedy_path(space.variables, table, saving(lambda choices: float(sum(choices.values()))))
    assert len(path) == 4 * len(space.variables) + 1
    assert set(path[0].values()) == {4}
    assert set(path[-1].values()) == {0}
    first = next(iter(space.variables))
    assert path[1] == {**path[0], first: 3}
    # every step lowers one choice by one rung
    for before, after in pairwise(path):
        assert sum(before.values()) - sum(after.values()) == 1
