"""A search as events for machines: JSON, one a line, on standard output."""

import json
from typing import Any

from evaluators.error_rate import Measure
from search.front.pareto import front, reference_point
from search.hypervolume import hypervolume
from search.stages.chronicle import Told
from search.stages.stage import Progress
from search.study.candidate import Candidate


class SearchEvents:
    """Prints ``measured`` and ``failed`` for each trial, and ``progress`` whenever counts change."""

    def __init__(self, measure: Measure) -> None:
        self._measure: Measure = measure
        self._seen: tuple[Any, ...] = ()
        self._stage, self._told = "", 0

    def __call__(self, progress: Progress) -> None:
        """Print what is new."""
        if progress.stage != self._stage:
            self._stage, self._told = progress.stage, 0
        if progress.stage != "test":  # scores of the front are no trials of their own
            for one in progress.told[self._told :]:
                emit(_trial(progress.stage, one, self._measure))
            self._told = len(progress.told)
        counts = {
            "stage": progress.stage, "planned": progress.planned, "done": progress.done, "running": progress.running,
            "failed": progress.failed, "repeated": progress.repeated,
        }  # fmt: skip
        if tuple(counts.values()) != self._seen:
            self._seen = tuple(counts.values())
            emit({
                "event": "progress", **counts, "hypervolume": progress.volume, "gain_over_rows": progress.gain,
                "seconds_left": progress.seconds_left, "under_way": [one.name for one in progress.busy],
            })  # fmt: skip


def finished(candidates: list[Candidate], stopped: bool) -> dict[str, Any]:
    """The last event."""
    return {
        "event": "stopped" if stopped else "finished",
        "measured": len(candidates),
        "front": [one.name for one in front(candidates)],
        "hypervolume": hypervolume([m.objectives for m in candidates], reference_point(candidates)),
    }


def emit(event: dict[str, Any]) -> None:
    """Print an event at once, whatever standard output is."""
    print(json.dumps(event), flush=True)


def _trial(stage: str, told: Told, measure: Measure) -> dict[str, Any]:
    common = {"stage": stage, "trial": told.number, "name": told.name}
    if told.values is None:
        return {"event": "failed", **common, "kind": told.failure, "message": told.message}
    error, storage_mb, runtime = told.values
    return {
        "event": "measured", **common, measure: error, "storage_mb": storage_mb, "runtime": runtime,
        "on_front": told.on_front, "hypervolume_growth": told.growth,
    }  # fmt: skip
