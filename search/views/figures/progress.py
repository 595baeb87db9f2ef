"""How the front grew."""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import plotly.graph_objects as go

from search.front.pareto import reference_point
from search.hypervolume import hypervolume
from search.study.candidate import Candidate
from search.views.figures.style import FRONT, ROW, styled


class ProgressData(NamedTuple):
    """Hypervolume of everything measured up to each trial, in the order in which trials were asked for.

    ``hours`` are those that workers had spent by then; ``rows`` is the hypervolume of the uniform rows alone.
    """

    names: list[str]
    numbers: list[int]
    hours: list[float]
    volumes: list[float]
    rows: float


def build_progress(candidates: Sequence[Candidate]) -> ProgressData:
    """How the front grew."""
    ordered = sorted(candidates, key=lambda m: m.number)
    reference = reference_point(candidates) if candidates else (1.0, 1.0, 1.0)
    volumes = [hypervolume([m.objectives for m in ordered[: i + 1]], reference) for i in range(len(ordered))]
    return ProgressData(
        [m.name for m in ordered], [m.number for m in ordered],
        [s / 3600 for s in accumulate(m.seconds for m in ordered)], volumes,
        hypervolume([m.objectives for m in ordered if m.uniform], reference),
    )  # fmt: skip


def draw_progress(data: ProgressData) -> go.Figure:
    """Hypervolume by trial."""
    return _drawn(data, [float(n) for n in data.numbers], "trial")


def draw_hours(data: ProgressData) -> go.Figure:
    """Hypervolume by what was spent on it."""
    return _drawn(data, data.hours, "compute hours of all workers")


def _drawn(data: ProgressData, x: list[float], title: str) -> go.Figure:
    figure = go.Figure(
        go.Scatter(
            x=x, y=data.volumes, mode="lines+markers", line={"color": FRONT, "shape": "hv"}, marker={"size": 5},
            name="everything measured", customdata=[(n,) for n in data.names],
            hovertemplate="%{customdata[0]}<br>%{x:.4g}: hypervolume %{y:.4f}<extra></extra>",
        )
    )  # fmt: skip
    if data.rows and x:
        figure.add_trace(
            go.Scatter(
                x=[x[0], x[-1]], y=[data.rows] * 2, mode="lines", line={"color": ROW, "dash": "dash"},
                name="the uniform rows alone", hoverinfo="skip",
            )
        )  # fmt: skip
    return styled(figure, title, "hypervolume, share of the box")
