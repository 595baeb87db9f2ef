"""Several fronts in one figure."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from search.front.compare import Attainment, Contender, Point, attainments
from search.views.figures.front import AXES
from search.views.figures.style import scale_of, styled

# colours that stay apart for the colour-blind (Okabe and Ito), and symbols beside them
_LOOKS = (
    ("#0072b2", "circle"), ("#d55e00", "square"), ("#009e73", "diamond"), ("#cc79a7", "triangle-up"),
    ("#e69f00", "star"), ("#56b4e9", "x"), ("#8b96a3", "cross"),
)  # fmt: skip


class FrontLine(NamedTuple):
    """The front of a contender by rising storage, and the names of its members."""

    label: str
    names: list[str]
    points: list[Point]


class ComparisonData(NamedTuple):
    """Every contender's front, and what seeds of one another attain."""

    fronts: list[FrontLine]
    attained: list[Attainment]


def build_comparison(contenders: Sequence[Contender]) -> ComparisonData:
    """The fronts, and the attainment of every group of seeds."""
    fronts = []
    for one in contenders:
        named = dict(zip(one.points, one.names, strict=True))
        fronts.append(FrontLine(one.label, [named[p] for p in one.front], one.front))
    return ComparisonData(fronts, attainments(contenders))


def draw_comparison(data: ComparisonData, axis: str = "storage_mb") -> go.Figure:
    """The error rate against ``storage_mb`` or ``runtime``; over seeds the median as a dashed line."""
    figure = go.Figure()
    place = 1 if axis == "storage_mb" else 2
    for i, (label, names, points) in enumerate(data.fronts):
        colour, symbol = _LOOKS[i % len(_LOOKS)]
        figure.add_trace(
            go.Scatter(
                x=[p[place] for p in points], y=[p[0] for p in points], mode="markers", name=label,
                marker={"color": colour, "symbol": symbol, "size": 9}, customdata=[(n,) for n in names],
                hovertemplate=f"<b>{label}</b> %{{customdata[0]}}<br>%{{y:.2f}} % at %{{x:.3f}}<extra></extra>",
            )
        )  # fmt: skip
    for one in data.attained if axis == "storage_mb" else ():
        reached = [(s, w) for s, w in zip(one.storage_mb, one.median, strict=True) if math.isfinite(w)]
        figure.add_trace(
            go.Scatter(
                x=[s for s, _ in reached], y=[w for _, w in reached], mode="lines",
                name=f"{one.group}: median of {one.seeds} seeds",
                line={"shape": "hv", "dash": "dash", "color": "#8b96a3"}, hoverinfo="skip",
            )
        )  # fmt: skip
    shown = [p for line in data.fronts for p in line.points]
    figure.update_xaxes(**scale_of([p[place] for p in shown]))
    figure.update_yaxes(**scale_of([p[0] for p in shown if p[0] > 0]))
    return styled(figure, AXES[axis], "error rate, %")
