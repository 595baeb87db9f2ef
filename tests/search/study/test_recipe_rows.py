"""The rows that a study plans, and their files."""

from pathlib import Path

import pytest

from search.study.recipe_rows import row_path, trainings, trial_rows
from search.study.study_file import StudyFile
from spaces import UserError
from tests.conftest import TOML, write_study

SECTION = '[recipes]\nnames = ["bit-la", "sqwq"]\nbits = [2]\nseeds = 2\nsteps = 1\n'


def test_a_study_without_the_section_is_told_so(tiny: Path) -> None:
    with pytest.raises(UserError, match="recipes: missing"):
        trainings(StudyFile.load(tiny))


def test_rows_of_other_settings_are_other_rows(tmp_path: Path) -> None:
    path = write_study(tmp_path, TOML + SECTION)
    before, row = StudyFile.load(path), trial_rows(StudyFile.load(path))[0]
    path.write_text(path.read_text().replace("trials = 3", "trials = 4"))
    assert row_path(StudyFile.load(path), row) == row_path(before, row)  # nothing to a row
    path.write_text(path.read_text().replace("seeds = 2\nsteps = 1\n", "seeds = 2\nsteps = 2\n"))
    assert row_path(StudyFile.load(path), row) != row_path(before, row)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("names", "[]"),
        ("bits", "[2, 2]"),
        ("names", '["sqwq", "sqwq"]'),
        ("learning_rates", "[1e-3, 0.001]"),
        ("learning_rates", "[-1.0]"),
    ],
)
def test_nothing_and_twice_the_same_are_refused(key: str, value: str, tmp_path: Path) -> None:
    section = "".join(line + "\n" for line in SECTION.splitlines() if not line.startswith(key)) + f"{key} = {value}\n"
    with pytest.raises(UserError, match=f"recipes.{key}"):
        StudyFile.load(write_study(tmp_path, TOML + section))
