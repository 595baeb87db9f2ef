from itertools import pairwise
from pathlib import Path

import pytest

from search.running.tasks.sensitivity import measure_sensitivity, measure_wer
from search.samplers.proposals import greedy_path
from search.study.sensitivities import read_sensitivity
from search.study.study_file import StudyFile
from search.views.figures.front import build_sensitivity, draw_sensitivity
from tests.conftest import TOML


def test_it_is_zero_at_the_top_and_kept_for_the_report(tiny: Path) -> None:
    file = StudyFile.load(tiny)
    steps: list[int] = []
    table = measure_sensitivity(file, lambda step, total, _: steps.append(step))
    assert {name: len(rungs) for name, rungs in table.items()} == file.search_space.variables
    assert all(rungs[-1] == 0 for rungs in table.values())
    assert sum(rungs[0] > rungs[-2] for rungs in table.values()) > len(table) / 2
    assert steps[-1] == sum(file.search_space.variables.values())
    assert read_sensitivity(file) == table


def test_in_wer_points(tiny: Path) -> None:
    tiny.write_text(TOML.replace('"module"', '"model"'))
    file = StudyFile.load(tiny)
    table = measure_wer(file, lambda *_: None)
    assert {name: len(rungs) for name, rungs in table.items()} == file.search_space.variables
    assert all(rungs[-1] == 0 for rungs in table.values())
    assert read_sensitivity(file) is None  # the search has a table of divergences alone


def test_another_spaces_table_is_not_taken(tiny: Path) -> None:
    measure_sensitivity(StudyFile.load(tiny), lambda *_: None)
    tiny.write_text(TOML.replace('"module"', '"block"'))
    assert read_sensitivity(StudyFile.load(tiny)) is None


def test_the_greedy_path_takes_the_cheapest_step_first(tiny: Path) -> None:
    space = StudyFile.load(tiny).search_space
    table = {name: [0.1 * (i + 1) * r for r in (4, 3, 2, 1, 0)] for i, name in enumerate(space.variables)}
    path = greedy_path(space.variables, table, lambda choices: float(sum(choices.values())))
    assert len(path) == 4 * len(space.variables) + 1
    assert set(path[0].values()) == {4}
    assert set(path[-1].values()) == {0}
    first = next(iter(space.variables))
    assert path[1] == {**path[0], first: 3}
    # every step lowers one choice by one rung
    for before, after in pairwise(path):
        assert sum(before.values()) - sum(after.values()) == 1


def test_figure_puts_the_most_sensitive_first() -> None:
    labels = {"calm": ("1 bit", "16 bit"), "touchy": ("w1a1", "fp16")}
    data = build_sensitivity({"calm": [0.1, 0.0], "touchy": [2.0, 0.0]}, labels)
    assert data.columns == ["1 bit / w1a1"]
    assert data.rows == ["touchy", "calm"]
    assert data.added == [[2.0], [0.1]]
    assert draw_sensitivity(data).data[0].z[0][0] == pytest.approx(0.30103)
