"""The figures of the report, in their order: ``FIGURES`` is the registry.

Each entry says what it is called, what to read in it, and how to build its data from a study; a figure without data is
left out. To add one: a module that builds plain data and draws it, and an entry here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from search.study.candidate import Candidate
from search.study.sensitivities import read_sensitivity
from search.study.study_file import StudyFile
from search.views.figures import bits, front, parallel, progress, relative, sensitivity


@dataclass(frozen=True)
class Figure:
    """A figure of the report.

    Attributes:
        build: plain data from a study and its candidates; None where there is nothing to show.
        draw: a Plotly figure from that data.
    """

    name: str
    title: str
    note: str
    build: Callable[[StudyFile, Sequence[Candidate]], Any]
    draw: Callable[[Any], go.Figure]


def _sensitivity(file: StudyFile, _: Sequence[Candidate]) -> sensitivity.SensitivityData | None:
    table = read_sensitivity(file)
    return None if table is None else sensitivity.build_sensitivity(table, file.search_space.labels)


FIGURES = (
    Figure(
        "storage",
        "Error rate against storage",
        "Packed and scored checkpoints with 95 % bootstrap intervals; uniform rows that are dominated are open.",
        lambda _, found: front.build_front(found, "storage_mb"),
        front.draw_front,
    ),
    Figure(
        "runtime",
        "Error rate against estimated runtime",
        "By the study's runtime model, which is arithmetic: nothing was timed on a low-bit machine.",
        lambda _, found: front.build_front(found, "runtime"),
        front.draw_front,
    ),
    Figure(
        "space",
        "Error rate, storage and runtime at once",
        "The three objectives, all smaller is better; drag to turn.",
        lambda _, found: front.build_front(found, ""),
        front.draw_space,
    ),
    Figure(
        "relative",
        "Beside what others published, each against its own fp16",
        "Crosses are the rows of arXiv 2301.00652 for its own model on LibriSpeech, stars distilled models: reference "
        "points for the shape of the trade, not measured here and not comparable in WER.",
        lambda file, found: relative.build_relative(found),
        relative.draw_relative,
    ),
    Figure(
        "parallel",
        "Every member as a line",
        "What each costs, and the mean bits of each group's weights (w) and activations (a); each axis has its lowest "
        "value at the bottom.",
        lambda file, found: parallel.build_parallel(found, file.search_space) if found else None,
        parallel.draw_parallel,
    ),
    Figure(
        "bits",
        "Which layer lives on how few bits",
        "The members of the front by rising storage.",
        lambda file, found: bits.build_bits(found, file.search_space),
        bits.draw_bits,
    ),
    Figure(
        "progress",
        "How the front grew, by trial",
        "Hypervolume of error rate, storage and runtime together.",
        lambda file, found: progress.build_progress(found),
        progress.draw_progress,
    ),
    Figure(
        "hours",
        "How the front grew, by compute",
        "The same over the time that workers had spent.",
        lambda file, found: progress.build_progress(found),
        progress.draw_hours,
    ),
    Figure(
        "sensitivity",
        "What each choice costs on its own",
        "Divergence of the supernet's outputs from the float model's, one choice lowered at a time, no training. What "
        "lies below the most that a lowered choice seems to help is noise, and shown as ≈ 0.",
        _sensitivity,
        sensitivity.draw_sensitivity,
    ),
)


def draw_all(file: StudyFile, candidates: Sequence[Candidate]) -> dict[str, go.Figure]:
    """Every figure that has data, by name."""
    built = {figure: figure.build(file, candidates) for figure in FIGURES}
    return {figure.name: figure.draw(data) for figure, data in built.items() if data is not None}
