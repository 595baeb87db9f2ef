"""The front: WER against storage or runtime, by what each candidate is."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from search.front.pareto import front, is_tied
from search.study.candidate import Candidate
from search.views.figures.style import ACCENT, GREY, styled
from spaces import SearchSpace

_AXES = {"storage_mb": "storage of the packed file, MB", "runtime": "estimated runtime, share of fp16"}


class Point(NamedTuple):
    """A measured candidate as a figure shows it; ``low`` and ``high`` bound its WER."""

    name: str
    x: float
    wer: float
    low: float
    high: float
    runtime: float
    mean_bits: float
    note: str


class FrontData(NamedTuple):
    """Candidates by role: on the front and mixed, uniform, and all others; ``tied`` ones may well be on the front."""

    axis: str
    mixed: list[Point]
    uniform: list[Point]
    dominated: list[Point]
    tied: list[Point]


def build_front(candidates: Sequence[Candidate], axis: str, space: SearchSpace) -> FrontData:
    """WER against ``storage_mb`` or ``runtime``."""
    on_front = front(candidates)
    ties = {m for m in candidates if is_tied(m, on_front)}
    points = {m: _point(m, axis, space) for m in sorted(candidates, key=lambda m: getattr(m, axis))}
    return FrontData(
        axis,
        [p for m, p in points.items() if m in on_front and not m.uniform],
        [p for m, p in points.items() if m.uniform],
        [p for m, p in points.items() if m not in on_front and not m.uniform and m not in ties],
        [p for m, p in points.items() if m in ties and not m.uniform],
    )


def _point(candidate: Candidate, axis: str, space: SearchSpace) -> Point:
    note = candidate.assignment.short(space.architecture).replace("; ", "<br>")
    return Point(
        candidate.name, getattr(candidate, axis), candidate.wer, candidate.wer_low, candidate.wer_high,
        candidate.runtime, candidate.mean_bits, note,
    )  # fmt: skip


def draw_front(data: FrontData) -> go.Figure:
    """The front as circles coloured by mean weight bits, uniform members as labelled diamonds, the rest in grey."""
    figure = go.Figure()
    figure.add_trace(_scatter(data.dominated, "measured, dominated", {"color": GREY, "size": 6}, bars=False))
    ring = {"color": "white", "size": 8, "line": {"color": GREY, "width": 2}}
    figure.add_trace(_scatter(data.tied, "dominated, but not by a significant WER", ring, bars=False))
    marker = {
        "color": [p.mean_bits for p in data.mixed], "colorscale": "Viridis", "size": 11, "cmin": 1, "cmax": 8,
        "colorbar": {"title": {"text": "bits a<br>weight"}, "thickness": 12}, "line": {"color": "white", "width": 1},
    }  # fmt: skip
    figure.add_trace(_scatter(data.mixed, "mixed, on the front", marker))
    uniform = _scatter(data.uniform, "uniform", {"color": ACCENT, "size": 12, "symbol": "diamond"})
    uniform.update(mode="markers+text", text=[p.name for p in data.uniform], textposition="top right")
    figure.add_trace(uniform)
    # most of what is interesting is small: a logarithmic axis gives it room
    ticks = _ticks([p.x for p in (*data.mixed, *data.uniform, *data.dominated, *data.tied)])
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{t:g}" for t in ticks])
    return styled(figure, _AXES[data.axis], "WER, %")


def _ticks(values: list[float]) -> list[float]:
    """Round numbers within the range of some positive values, for a logarithmic axis."""
    steps = [s * 10.0**power for power in range(-4, 5) for s in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)]
    return [round(s, 8) for s in steps if 0.9 * min(values) <= s <= 1.1 * max(values)]


def _scatter(points: list[Point], name: str, marker: dict[str, object], *, bars: bool = True) -> go.Scatter:
    return go.Scatter(
        x=[p.x for p in points], y=[p.wer for p in points], name=name, mode="markers", marker=marker,
        customdata=[(p.name, p.runtime, p.mean_bits, p.low, p.high, p.note) for p in points],
        hovertemplate="<b>%{customdata[0]}</b><br>WER %{y:.2f} % [%{customdata[3]:.2f}, %{customdata[4]:.2f}]"
        "<br>%{x:.3f}, runtime %{customdata[1]:.3f}, %{customdata[2]:.2f} bits a weight"
        "<br>%{customdata[5]}<extra></extra>",
        error_y={
            "type": "data", "array": [p.high - p.wer for p in points], "arrayminus": [p.wer - p.low for p in points],
            "thickness": 1, "width": 2, "color": "rgba(29,39,51,.35)", "visible": bars,
        },
    )  # fmt: skip
