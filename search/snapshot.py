"""A copy of the members beside the database, so that front and pick need not start a database engine to look.

The study's database stays the only truth: the copy carries the database file's size and time of change, and is passed
over as soon as either differs.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from search.member import Member
from search.study_file import StudyFile
from search.worker import write_json
from spaces import Assignment

_NAME = "members.json"


def write_snapshot(file: StudyFile, members: Sequence[Member]) -> None:
    """Copy the members as the database holds them now; nothing for a database that is no file of the study's own."""
    stamp = _stamp(file)
    if stamp is not None:
        rows = [{**asdict(m), "assignment": m.assignment.to_json()} for m in members]
        write_json({"stamp": stamp, "signature": file.signature, "members": rows}, file.folder / _NAME)


def measured_members(file: StudyFile) -> list[Member]:
    """Every measured candidate, from the copy where it is current, else from the database.

    Raises:
        UserError: as ``open_study``.
    """
    try:
        snapshot = json.loads((file.folder / _NAME).read_text(encoding="utf-8"))
        if snapshot["stamp"] == _stamp(file) and snapshot["signature"] == file.signature:
            return [_member(file, row) for row in snapshot["members"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass  # no copy, or a torn one: the database has it all
    from search.records import members, open_study

    return members(file, open_study(file, create=False))


def _stamp(file: StudyFile) -> list[int] | None:
    database = file.folder / "study.db"
    if file.search.storage is not None or not database.exists():
        return None
    status = database.stat()
    return [status.st_size, status.st_mtime_ns]


def _member(file: StudyFile, row: dict[str, Any]) -> Member:
    changed = {
        "assignment": Assignment.from_json(row["assignment"], file.architecture),
        "errors": tuple(row["errors"]),
        "words": tuple(row["words"]),
    }
    return Member(**{**row, **changed})
