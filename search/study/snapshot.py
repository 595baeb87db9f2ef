"""A copy of the candidates beside the database, so that front and pick need not start a database engine to look.

The study's database stays the only truth: the copy carries the database file's size and time of change, and is passed
over as soon as either differs.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from evaluators.files import write_json
from search.study.candidate import Candidate, candidate_name
from search.study.inputs import inputs, other_input
from search.study.layout import database_path, snapshot_path
from search.study.study_file import StudyFile
from spaces import Assignment

_NUMBERS = ("wer", "wer_low", "wer_high", "loss", "storage_mb", "runtime", "mean_bits", "seconds")


def write_snapshot(file: StudyFile, candidates: Sequence[Candidate]) -> None:
    """Copy the candidates as the database holds them now; nothing for a database that is no file of the study's own."""
    stamp = _stamp(file)
    if stamp is not None:
        rows = [{**asdict(m), "assignment": m.assignment.to_json()} for m in candidates]
        content = {"stamp": stamp, "signature": file.signature, "inputs": inputs(file), "candidates": rows}
        write_json(content, snapshot_path(file))


def measured_candidates(file: StudyFile) -> list[Candidate]:
    """Every measured candidate, from the copy where it is current, else from the database.

    Raises:
        UserError: as ``open_study``.
    """
    try:
        snapshot = json.loads(snapshot_path(file).read_text(encoding="utf-8"))
        same = snapshot["signature"] == file.signature and other_input(snapshot["inputs"], inputs(file)) is None
        if same and snapshot["stamp"] == _stamp(file):
            return [_candidate(file, row) for row in snapshot["candidates"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # no copy, or a torn one: the database has it all
    from search.study.records import candidates, open_study

    return candidates(file, open_study(file, create=False))


def _stamp(file: StudyFile) -> list[int] | None:
    database = database_path(file)
    if file.search.storage is not None or not database.exists():
        return None
    status = database.stat()
    return [status.st_size, status.st_mtime_ns]


def _candidate(file: StudyFile, row: dict[str, Any]) -> Candidate:
    """A candidate of a copy that anybody may have written: its name is made anew, its numbers have to be some.

    Raises:
        KeyError: if something is missing, as ``ValueError`` and ``TypeError`` if it is of another kind.
    """
    assignment = Assignment.from_json(row["assignment"], file.architecture)
    numbers = {key: float(row[key]) for key in _NUMBERS}
    changed = {
        "assignment": assignment,
        "name": candidate_name(file, assignment),
        "number": int(row["number"]),
        "errors": tuple(map(int, row["errors"])),
        "words": tuple(map(int, row["words"])),
        "test": None if row["test"] is None else _scores(row["test"]),
    }
    return Candidate(**{**row, **numbers, **changed})


def _scores(test: dict[str, Any]) -> dict[str, Any]:
    return {key: _scores(value) if key == "other" else _number(value) for key, value in test.items()}


def _number(value: Any) -> Any:
    return [_number(one) for one in value] if isinstance(value, list) else value + 0
