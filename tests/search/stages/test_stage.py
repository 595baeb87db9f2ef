"""What holds a study."""

import errno
import fcntl
import logging
import os
from pathlib import Path

import pytest

from search.running.executors import InlineExecutor
from search.stages import stage
from search.stages.log import set_level
from search.stages.run import search_study
from search.stages.stage import locked, run_stage
from search.study.study_file import StudyFile
from spaces import UserError
from tests.simulation import Simulation


def test_a_file_system_without_locks_is_not_another_search(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:  # as NFS without lockd answers
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    file = StudyFile.load(tiny)
    with pytest.raises(UserError, match=r"cannot be locked \(No locks available\)"), locked(file):
        pass
    with locked(file.with_search({"storage": "postgresql+psycopg://server/studies"})):
        pass  # the database's lease tells drivers apart


def test_the_log_tells_what_failed_and_what_was_tried_again(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work = Simulation(tiny.parent / "log", script={5: ["memory"], 6: ["exception"]})
    monkeypatch.setattr(stage, "make_executor", lambda _: InlineExecutor(work))
    file = StudyFile.load(tiny)
    run_stage(file, search_study, lambda _: None)
    told = (file.home / "search.log").read_text()
    assert "job 5: out_of_memory; tried again in 0 s with accumulation 2 and room 1" in told
    assert "MeasureJob 6: error after" in told
    assert "a bug" in told
    assert "MeasureJob 7: done after" in told
    assert capsys.readouterr().err == ""  # there is a line for that
    assert not logging.getLogger("hubits").handlers


def test_a_log_level_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match="--log-level: 'loud' is none of debug, info"):
        set_level("loud")
