import json
from pathlib import Path

import pytest
from optuna.trial import TrialState

from search.running.executors import InlineExecutor
from search.stages.run import search_study
from search.stages.stage import RunContext, Stop
from search.study.candidate import Candidate
from search.study.records import TEST, open_study
from search.study.records import candidates as members
from search.study.snapshot import measured, measured_candidates, read_snapshot, write_snapshot
from search.study.study_file import StudyFile


def _searched(path: Path) -> tuple[StudyFile, list[Candidate]]:
    file = StudyFile.load(path)
    return file, search_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))


def test_the_copy_is_what_the_database_holds(tiny: Path) -> None:
    file, found = _searched(tiny)
    (file.folder / "study.db").chmod(0)  # who reads it now reads the copy
    again = measured_candidates(file)
    (file.folder / "study.db").chmod(0o600)
    assert again == found == members(file, open_study(file, create=False))
    assert [m.test for m in again] == [m.test for m in found]


def test_a_copy_that_is_not_current_or_torn_is_passed_over(tiny: Path) -> None:
    file, found = _searched(tiny)
    open_study(file, create=False).set_user_attr(TEST + found[0].assignment.digest, {"wer": 99.0})
    assert measured_candidates(file)[0].test == {"wer": 99.0}
    (file.folder / "candidates.json").write_text('{"stamp": [1')
    assert len(measured_candidates(file)) == len(found)


def test_a_copy_of_a_database_elsewhere_is_for_those_who_watch_alone(tiny: Path) -> None:
    url = f"sqlite:///{tiny.with_name('elsewhere.db')}"
    tiny.write_text(tiny.read_text() + f'storage = "{url}"\n')
    file, found = _searched(tiny)
    copied = read_snapshot(file)
    assert copied is not None
    assert copied[0] == found
    open_study(file, create=False).set_user_attr(TEST + found[0].assignment.digest, {"wer": 99.0})
    assert measured_candidates(file)[0].test == {"wer": 99.0}


def test_it_holds_what_became_of_the_other_trials(tiny: Path) -> None:
    file, _ = _searched(tiny)
    study = open_study(file, create=False)
    trial = study.ask()
    trial.set_user_attr("failure", "diverged")
    trial.set_user_attr("message", "the loss is nan")
    study.tell(trial, state=TrialState.FAIL)
    study.ask()
    told = measured(file)[1]
    assert (told.failures, told.messages, told.running) == ({"diverged": 1}, {"diverged": "the loss is nan"}, 1)
    assert sum(told.devices.values()) == 8
    write_snapshot(file, [], told)
    copied = read_snapshot(file)
    assert copied == ([], told)


@pytest.mark.parametrize(
    ("key", "value"),
    [("name", "w2a2\x1b]0;mine\x07"), ("wer", "\x1b[2J"), ("test", {"wer": "\x1b[2J"}), ("errors", ["\x1b"])],
)
def test_a_copy_that_somebody_wrote_says_nothing_to_the_terminal(tiny: Path, key: str, value: object) -> None:
    file, found = _searched(tiny)
    path = file.folder / "candidates.json"
    copy = json.loads(path.read_text())
    copy["candidates"][2][key] = value
    path.write_text(json.dumps(copy))
    assert measured_candidates(file) == found
