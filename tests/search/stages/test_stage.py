"""What holds a study."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from search.stages.stage import locked
from search.study.study_file import StudyFile
from spaces import UserError


def test_a_file_system_without_locks_is_not_another_search(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:  # as NFS without lockd answers
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    file = StudyFile.load(tiny)
    with pytest.raises(UserError, match=r"cannot be locked \(No locks available\)"), locked(file):
        pass
    with locked(file.with_search({"storage": "postgresql+psycopg://server/studies"})):
        pass  # the database's lease tells drivers apart
