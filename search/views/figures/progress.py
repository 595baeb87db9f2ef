"""How the front grew."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from search.front.pareto import reference_point
from search.hypervolume import hypervolume
from search.study.candidate import Candidate
from search.views.figures.style import ACCENT, styled


class ProgressData(NamedTuple):
    """Hypervolume of everything measured up to each trial, in the order in which trials were asked for."""

    numbers: list[int]
    volumes: list[float]


def build_progress(candidates: Sequence[Candidate]) -> ProgressData:
    """How the front grew."""
    ordered = sorted(candidates, key=lambda m: m.number)
    reference = reference_point(candidates) if candidates else (1.0, 1.0, 1.0)
    volumes = [hypervolume([m.objectives for m in ordered[: i + 1]], reference) for i in range(len(ordered))]
    return ProgressData([m.number for m in ordered], volumes)


def draw_progress(data: ProgressData) -> go.Figure:
    """Hypervolume by trial."""
    line = {"color": ACCENT, "shape": "hv"}
    figure = go.Figure(go.Scatter(x=data.numbers, y=data.volumes, mode="lines+markers", line=line))
    return styled(figure, "trial", "hypervolume, share of the reference box")
