"""What the comparison with the grid makes of made-up candidates."""

from typing import Any

from search.study.study_file import StudyFile
from tests.benchmarks.grid import FIRST, GRID, STUDY, grid_names, judge, summary, table, told_rows
from tests.search.made_up import member


def _member(wer: float, storage_mb: float, runtime: float, number: int, test: int, **more: Any) -> Any:
    score = {"wer": float(test), "wer_low": 0.0, "wer_high": 99.0, "errors": [test] * 20, "words": [100] * 20}
    return member(wer, storage_mb, runtime, number, test=score, **more)


ROWS = [
    _member(50, 1.0, 0.2, 0, 50, uniform=True), _member(10, 4.0, 1.0, 1, 10, uniform=True),
    _member(20, 2.0, 0.5, 2, 20, uniform=True, baseline=False),
]  # fmt: skip


def test_the_grid_against_itself_is_neither_better_nor_worse() -> None:
    found = judge(0, ROWS, ROWS)
    assert (found.ratio, found.ratio_test, found.dominated, found.worse, found.better) == (1, 1, 0, [], [])


def test_a_mixture_that_beats_a_row_and_one_that_is_as_good_in_fewer_bytes() -> None:
    better = _member(15, 2.0, 0.5, 3, 15)
    smaller = _member(10, 3.0, 1.0, 4, 10)
    found = judge(0, [*ROWS, better, smaller], ROWS)
    assert found.ratio > 1
    assert set(found.better) == {"m1", "m2"}
    assert found.worse == []


def test_a_search_that_misses_a_row_is_worse_and_what_a_row_dominates_is_counted() -> None:
    beaten = _member(25, 2.5, 0.6, 3, 25)
    found = judge(0, [*ROWS[:2], beaten], ROWS)
    assert found.dominated == 1
    assert found.worse == ["m2"]
    assert summary([found])["worse"] == 1


def test_a_candidate_that_was_lucky_on_the_development_speech_is_told_by_the_test_speech() -> None:
    lucky = _member(5, 2.0, 0.5, 3, 30)
    found = judge(0, [*ROWS, lucky], ROWS)
    assert found.ratio > 1 > found.ratio_test
    assert "m2" in found.worse


def test_the_grid_of_the_study_and_its_table() -> None:
    names = grid_names(StudyFile.load(STUDY))
    assert len(names) == 46
    assert {"w2a4", "w2a4+w4a8", "w4a4", "w4a4+fp16", "w1a1", "fp16"} <= set(names)
    assert len(GRID) == 18
    assert [row["evaluations"] for row in table("s", 0, "grid", ROWS)] == [1, 2, 3]


def test_somebody_who_was_told_gives_the_first_convolution_eight_bits() -> None:
    file = StudyFile.load(STUDY)
    rows = told_rows(file)
    assert len(rows) == 18
    assert "w2a4+w4a4, conv0 a8" in rows
    for row in rows.values():
        assert file.search_space.encode(row)
        assert (str(row[FIRST]), str(row["front_end.conv1"])) == ("w4a8", "w4a4")
