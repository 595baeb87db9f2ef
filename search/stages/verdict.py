"""Whether a search that fails is worth going on with."""

from collections.abc import Sequence
from pathlib import Path

from search.failures import DISK_FULL, ENVIRONMENT_FAILURES, INPUT, LASTING
from search.running.job import Outcome

_SAME_FAILURES = 5


def counts(kind: str) -> bool:
    """Whether a failure counts towards giving up: the environment's do not, but for a disk that is full or away."""
    return kind not in ENVIRONMENT_FAILURES or kind in LASTING


def hopeless(failures: Sequence[Outcome], folder: Path) -> str | None:
    """Why the next job would fail as well, judged by the failures since the last success; None where it may not.

    Five in a row that fail in the same way, a broken input, or a full disk. The traceback of the former is written to
    ``failure.txt`` in the folder.
    """
    newest = failures[-1]
    if newest.failure == INPUT:
        return newest.message
    if newest.failure == DISK_FULL:
        return f"the disk is full ({newest.message}); make room, the same command goes on"
    last = failures[-_SAME_FAILURES:]
    if len(last) < _SAME_FAILURES or len({o.failure for o in last}) > 1:
        return None
    first, trace = last[0], folder / "failure.txt"
    trace.write_text(first.trace or first.message, encoding="utf-8")
    return f"{_SAME_FAILURES} trials in a row failed ({first.failure}: {first.message}); see {trace}"
