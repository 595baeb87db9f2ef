"""The front: the error rate against storage, against runtime and against both, by what each candidate is."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from evaluators.error_rate import MEASURES
from search.front.pareto import front
from search.study.candidate import Candidate
from search.views.figures.roles import ROLES, roles
from search.views.figures.style import TESTED, scale_of, styled

AXES = {"storage_mb": "storage of the packed file, MB", "runtime": "estimated runtime, share of fp16"}


class Point(NamedTuple):
    """A measured candidate as a figure shows it; ``low`` and ``high`` bound its error, ``test`` that on other speech.

    ``label`` stands beside it where it has one. One that is not on the front is drawn open.
    """

    name: str
    storage_mb: float
    runtime: float
    error: float
    low: float
    high: float
    test: float | None
    mean_bits: float
    label: str
    on_front: bool


class FrontData(NamedTuple):
    """Candidates by their role, against ``storage_mb``, ``runtime`` or, where the axis is empty, both.

    ``rate`` is WER or CER, whichever was searched.
    """

    axis: str
    rate: str
    points: dict[str, list[Point]]


def build_front(candidates: Sequence[Candidate], axis: str) -> FrontData:
    """The error rate against ``storage_mb`` or ``runtime``; against both where the axis is empty."""
    on_front = set(front(candidates))
    points: dict[str, list[Point]] = {role: [] for role in ROLES}
    for one, role in roles(candidates).items():
        named = role == "paper" or one.name == "fp16"
        points[role].append(_point(one, one.name if named else "", one in on_front))
    return FrontData(axis, _rate(candidates), points)


def _point(one: Candidate, label: str, on_front: bool) -> Point:
    return Point(
        one.name, one.storage_mb, one.runtime, one.error, one.error_low, one.error_high,
        one.on_test.percent if one.on_test else None, one.mean_bits, label, on_front,
    )  # fmt: skip


def draw_front(data: FrontData) -> go.Figure:
    """One trace a role, bars for the intervals of what is on the front; small triangles are the test corpus'."""
    figure = go.Figure()
    for role in data.points:
        figure.add_trace(_scatter(role, data, lambda p: getattr(p, data.axis)))
    tested = [p for role in ("front", "paper", "row") for p in data.points[role] if p.test is not None]
    figure.add_trace(
        go.Scatter(
            x=[getattr(p, data.axis) for p in tested], y=[p.test for p in tested], name="the same on the test corpus",
            mode="markers", marker={"color": TESTED, "symbol": "triangle-down-open", "size": 7},
            customdata=[(p.name,) for p in tested], meta="test",
            hovertemplate=f"<b>%{{customdata[0]}}</b><br>test {data.rate} %{{y:.2f}} %<extra></extra>",
        )
    )  # fmt: skip
    # most of what is interesting is small: logarithmic axes give it room
    everyone = [p for points in data.points.values() for p in points]
    figure.update_xaxes(**scale_of([getattr(p, data.axis) for p in everyone]))
    figure.update_yaxes(**scale_of([w for p in everyone for w in (p.error, p.test) if w is not None and w > 0]))
    return styled(figure, AXES[data.axis], f"{data.rate}, %")


def draw_space(data: FrontData) -> go.Figure:
    """The same in three dimensions."""
    figure = go.Figure()
    for role, points in data.points.items():
        look = ROLES[role]
        figure.add_trace(
            go.Scatter3d(
                x=[p.storage_mb for p in points], y=[p.runtime for p in points], z=[p.error for p in points],
                name=look.title, mode="markers", customdata=_custom(points), hovertemplate=_hover(data.rate), meta=role,
                marker={"color": look.colour, "symbol": _symbols(role, points), "size": look.size / 2},
            )
        )  # fmt: skip
    everyone = [p for points in data.points.values() for p in points]
    axes = {
        "xaxis": {"title": {"text": "MB"}, **scale_of([p.storage_mb for p in everyone])},
        "yaxis": {"title": {"text": "runtime"}, **scale_of([p.runtime for p in everyone])},
        "zaxis": {"title": {"text": f"{data.rate}, %"}, **scale_of([p.error for p in everyone if p.error > 0])},
        "camera": {"eye": {"x": 1.5, "y": 1.5, "z": 0.7}},
    }
    figure.update_layout(scene=axes)
    return styled(figure, None, None).update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0})


def _rate(candidates: Sequence[Candidate]) -> str:
    return MEASURES[candidates[0].measure if candidates else "wer"]


def _hover(rate: str) -> str:
    return (
        f"<b>%{{customdata[0]}}</b><br>{rate} " + "%{customdata[1]:.2f} % [%{customdata[2]:.2f}, %{customdata[3]:.2f}]"
        "<br>%{customdata[4]:.3f} MB, runtime %{customdata[5]:.3f}, %{customdata[6]:.2f} bits a weight<extra></extra>"
    )


def _custom(points: Sequence[Point]) -> list[tuple[Any, ...]]:
    """What is said of each; the first is the name, by which the report links its figures."""
    return [
        (p.name, *(round(v, 4) for v in (p.error, p.low, p.high, p.storage_mb, p.runtime, p.mean_bits))) for p in points
    ]


def _symbols(role: str, points: Sequence[Point]) -> list[str]:
    """Of the points of a role: rows that are not on the front are open."""
    symbol = ROLES[role].symbol
    return [f"{symbol}-open" if role in ("row", "paper") and not p.on_front else symbol for p in points]


def _scatter(role: str, data: FrontData, x: Callable[[Point], float]) -> go.Scatter:
    look, points = ROLES[role], data.points[role]
    return go.Scatter(
        x=[x(p) for p in points], y=[p.error for p in points], name=look.title, mode="markers+text", meta=role,
        text=[p.label for p in points], textposition="top center", cliponaxis=False, customdata=_custom(points),
        hovertemplate=_hover(data.rate),
        marker={"color": look.colour, "symbol": _symbols(role, points), "size": look.size},
        error_y={
            "type": "data",
            "array": [p.high - p.error for p in points], "arrayminus": [p.error - p.low for p in points],
            "thickness": 1, "width": 2, "color": "rgba(128,140,152,.55)", "visible": role in ("front", "paper"),
        },
    )  # fmt: skip
