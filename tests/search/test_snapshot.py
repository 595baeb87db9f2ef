from pathlib import Path

from search.executors import InlineExecutor
from search.member import Member
from search.records import TEST, members, open_study
from search.snapshot import measured_members
from search.stages import Stop, search_study
from search.study_file import StudyFile


def _searched(path: Path) -> tuple[StudyFile, list[Member]]:
    file = StudyFile.load(path)
    return file, search_study(file, InlineExecutor(), lambda _: None, Stop())


def test_the_copy_is_what_the_database_holds(tiny: Path) -> None:
    file, found = _searched(tiny)
    (file.folder / "study.db").chmod(0)  # who reads it now reads the copy
    again = measured_members(file)
    (file.folder / "study.db").chmod(0o600)
    assert again == found == members(file, open_study(file, create=False))
    assert [m.test for m in again] == [m.test for m in found]


def test_a_copy_that_is_not_current_or_torn_is_passed_over(tiny: Path) -> None:
    file, found = _searched(tiny)
    open_study(file, create=False).set_user_attr(TEST + found[0].assignment.digest, {"wer": 99.0})
    assert measured_members(file)[0].test == {"wer": 99.0}
    (file.folder / "members.json").write_text('{"stamp": [1')
    assert len(measured_members(file)) == len(found)
