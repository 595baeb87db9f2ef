"""What several commands share: options, and how a study is opened."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spaces.errors import UserError

if TYPE_CHECKING:
    from search.stages.stage import Found, Stage
    from search.study.study_file import StudyFile

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="the study file")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON for machines")]
Workers = Annotated[int | None, typer.Option(min=1, help="candidates measured at the same time")]
ExecutorName = Annotated[str | None, typer.Option("--executor", help="ray or inline")]
Refined = Annotated[bool, typer.Option("--refined", help="what `hubits refine` measured, instead of the search")]


def load(path: Path, *, refined: bool = False, **search: Any) -> "StudyFile":
    """A study, with what was given of its search section on the command line."""
    from search.study.study_file import StudyFile

    file = StudyFile.load(path).with_search({k: v for k, v in search.items() if v is not None})
    return file.at("refined" if refined else "short")


def require(file: "StudyFile", *, supernet: bool = True) -> None:
    """Refuse a study that lacks something it needs."""
    from search.stages.check import missing

    if lacking := missing(file, supernet=supernet):
        raise UserError(lacking[0])


def run(
    file: "StudyFile", stage: "Stage[Found]", *, events: bool = False, tracker: str | None = None
) -> "tuple[Found, bool]":
    """Run a stage under a live line, or with events for machines; what it found, and whether somebody asked to stop."""
    from search.stages.stage import run_stage
    from search.views.events import SearchEvents
    from search.views.screen import SearchLine, StatusLine
    from search.views.trackers import tracked

    if events:
        with tracked(tracker, file, SearchEvents(file.search.error)) as told:
            return run_stage(file, stage, told)
    with StatusLine() as line, tracked(tracker, file, SearchLine(line)) as told:
        return run_stage(file, stage, told)


def train(training: Callable[[Callable[[int, int, float], None]], Any]) -> Any:
    """Run a training of equal steps under a live line."""
    from search.views.screen import StatusLine, TrainingLine

    with StatusLine() as line:
        return training(TrainingLine(line))
