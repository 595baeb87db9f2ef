"""A copy of the candidates beside the database, so that front and pick need not start a database engine to look.

The study's database stays the only truth: the copy carries the database file's size and time of change, and is passed
over as soon as either differs. A search copies now and then while it runs, for those who watch: they take the copy as
it is, and never touch the database.
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
from search.study.tally import Tally, tally
from spaces import Assignment

Snapshot = tuple[list[Candidate], Tally]
_NUMBERS = ("error", "error_low", "error_high", "loss", "storage_mb", "runtime", "mean_bits", "seconds")


def write_snapshot(file: StudyFile, candidates: Sequence[Candidate], told: Tally) -> None:
    """Copy the candidates and the tally as the database holds them now."""
    rows = [{**asdict(m), "assignment": m.assignment.to_json()} for m in candidates]
    content = {
        "stamp": _stamp(file), "signature": file.signature, "inputs": inputs(file), "candidates": rows,
        "tally": asdict(told),
    }  # fmt: skip
    write_json(content, snapshot_path(file))


def read_snapshot(file: StudyFile) -> Snapshot | None:
    """The copy as it is, whatever was measured since; None where there is none of this study."""
    return _read(file, current=False)


def measured(file: StudyFile) -> Snapshot:
    """Every measured candidate and the tally, from the copy where it is current, else from the database.

    Raises:
        UserError: as ``open_study``.
    """
    found = _read(file, current=True)
    if found is not None:
        return found
    from search.study.records import candidates, open_study

    study = open_study(file, create=False)
    return candidates(file, study), tally(study)


def measured_candidates(file: StudyFile) -> list[Candidate]:
    """Every measured candidate.

    Raises:
        UserError: as ``open_study``.
    """
    return measured(file)[0]


def _read(file: StudyFile, *, current: bool) -> Snapshot | None:
    try:
        snapshot = json.loads(snapshot_path(file).read_text(encoding="utf-8"))
        stamp = snapshot["stamp"]
        if snapshot["signature"] != file.signature or other_input(snapshot["inputs"], inputs(file)) is not None:
            return None
        if current and (stamp is None or stamp != _stamp(file)):
            return None
        return [_candidate(file, row) for row in snapshot["candidates"]], Tally(
            **(snapshot["tally"] if current else snapshot.get("tally", {}))
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # no copy, or a torn one: the database has it all


def _stamp(file: StudyFile) -> list[int] | None:
    """Of a database that is a file of the study's own; None for another one, which tells nothing of its changes."""
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
        "units": tuple(map(int, row["units"])),
        "measure": file.search.error,
        "beside": None if row["beside"] is None else float(row["beside"]),
        "test": None if row["test"] is None else _scores(row["test"]),
    }
    return Candidate(**{**row, **numbers, **changed})


def _scores(test: dict[str, Any]) -> dict[str, Any]:
    return {key: _scores(value) if key in ("other", "beam") else _number(value) for key, value in test.items()}


def _number(value: Any) -> Any:
    return [_number(one) for one in value] if isinstance(value, list) else value + 0
