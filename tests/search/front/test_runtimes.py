"""Candidates under other runtime models."""

from pathlib import Path

import pytest

from search.front.runtimes import beside, under
from search.stages.run import search_study
from search.stages.stage import run_stage
from search.study.candidate import Candidate
from search.study.study_file import StudyFile
from search.views.table import rows
from spaces import UserError


@pytest.fixture
def measured(tiny: Path) -> tuple[StudyFile, list[Candidate]]:
    file = StudyFile.load(tiny).with_search({"trials": 0})
    return file, run_stage(file, search_study, lambda _: None)[0]


def test_others_stand_beside_as_columns(measured: tuple[StudyFile, list[Candidate]]) -> None:
    file, found = measured
    columns = beside(file, found, ["x86-vnni", "a100"])
    table = {r["name"]: r for r in rows(found, everyone=True, beside=columns)}
    assert table["fp16"]["runtime_x86-vnni"] == table["fp16"]["runtime_a100"] == 1.0
    assert table["w2a2"]["runtime_x86-vnni"] < 1.0
    assert "runtime_a100" not in rows(found)[0]


def test_another_model_takes_the_place_of_the_studys(measured: tuple[StudyFile, list[Candidate]]) -> None:
    file, found = measured
    again = {c.name: c.runtime for c in under(file, found, "x86-vnni")}
    assert again["w8a8"] == pytest.approx(again["w2a2"])  # both are int8 there
    assert {c.name: c.runtime for c in under(file, found, file.search.runtime)} == {c.name: c.runtime for c in found}
    with pytest.raises(UserError, match="--runtime: 'guess' is no runtime model"):
        beside(file, found, ["guess"])


def test_a_study_can_be_searched_under_a_profile(tiny: Path) -> None:
    tiny.write_text(tiny.read_text().replace("[search]\n", '[search]\nruntime = "a100"\n'))
    file = StudyFile.load(tiny).with_search({"trials": 0})
    found = run_stage(file, search_study, lambda _: None)[0]
    assert {c.name: c.runtime for c in found} == {c.name: c.runtime for c in under(file, found, "a100")}
    assert file.signature != StudyFile.load(tiny).with_search({"runtime": "bitops"}).signature
