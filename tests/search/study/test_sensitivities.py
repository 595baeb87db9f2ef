"""Tables of another search space."""

from pathlib import Path

from search.running.executors import InlineExecutor
from search.stages.sensitivity import study_sensitivity
from search.stages.stage import RunContext, Stop
from search.study.sensitivities import read_sensitivity
from search.study.study_file import StudyFile
from tests.conftest import TOML


def test_another_spaces_table_is_not_taken(tiny: Path) -> None:
    study_sensitivity(StudyFile.load(tiny), RunContext(InlineExecutor(), lambda _: None, Stop()))
    assert read_sensitivity(StudyFile.load(tiny)) is not None
    tiny.write_text(TOML.replace('"module"', '"block"'))
    assert read_sensitivity(StudyFile.load(tiny)) is None
