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
from search.views.figures import bits, front, progress, relative, sensitivity


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
        "WER against storage",
        "Each point is a finetuned, packed and scored checkpoint; bars are 95 % bootstrap intervals on the development "
        "corpus. Hover for the assignment.",
        lambda file, found: front.build_front(found, "storage_mb", file.search_space),
        front.draw_front,
    ),
    Figure(
        "runtime",
        "WER against estimated runtime",
        "An estimate by the study's runtime model, by arithmetic: nothing was timed on a low-bit machine.",
        lambda file, found: front.build_front(found, "runtime", file.search_space),
        front.draw_front,
    ),
    Figure(
        "bits",
        "Which layer lives on how few bits",
        "The members of the front by rising storage.",
        lambda file, found: bits.build_bits(found, file.search_space),
        bits.draw_bits,
    ),
    Figure(
        "relative",
        "Beside the paper, each against its own fp16",
        "Crosses are the figures that arXiv 2301.00652 published for its own model on LibriSpeech: reference points "
        "for the shape of the trade, not measured here and not comparable in WER.",
        lambda file, found: relative.build_relative(found),
        relative.draw_relative,
    ),
    Figure(
        "sensitivity",
        "What each choice costs on its own",
        "Divergence of the supernet's outputs from the float model's, one choice lowered at a time; no training.",
        _sensitivity,
        sensitivity.draw_sensitivity,
    ),
    Figure(
        "progress",
        "How the front grew",
        "Hypervolume of WER, storage and runtime together.",
        lambda file, found: progress.build_progress(found),
        progress.draw_progress,
    ),
)


def draw_all(file: StudyFile, candidates: Sequence[Candidate]) -> dict[str, go.Figure]:
    """Every figure that has data, by name."""
    built = {figure: figure.build(file, candidates) for figure in FIGURES}
    return {figure.name: figure.draw(data) for figure, data in built.items() if data is not None}
