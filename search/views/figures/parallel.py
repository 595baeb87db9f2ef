"""Parallel coordinates: every member as a line over what it costs and where its bits are."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import plotly.graph_objects as go

from search.study.candidate import Candidate
from search.views.figures.roles import ROLES, roles
from search.views.figures.style import styled
from spaces import Layer, SearchSpace

_DRAWN = ("dominated", "tied", "row", "paper", "front")


class ParallelData(NamedTuple):
    """Axes with their lowest and highest values, and for each role the members' names and values on every axis."""

    axes: list[str]
    ranges: list[tuple[float, float]]
    lines: dict[str, list[tuple[str, list[float]]]]


def build_parallel(candidates: Sequence[Candidate], space: SearchSpace) -> ParallelData:
    """The error rate, costs, and for each group of layers the mean bits of its weights and of its activations."""
    axes: dict[str, Callable[[Candidate], float]] = {
        "error %": lambda m: m.error, "MB": lambda m: m.storage_mb, "runtime": lambda m: m.runtime,
    }  # fmt: skip
    for group in space.groups:
        layers = [layer for layer in space.layers if layer.group == group]
        said = group.replace("_", " ")
        if any(layer.weights for layer in layers):
            axes[f"{said} w"] = partial(_mean_bits, layers, "weight")
        axes[f"{said} a"] = partial(_mean_bits, layers, "activation")
    lines: dict[str, list[tuple[str, list[float]]]] = {role: [] for role in ROLES}
    for one, role in roles(candidates).items():
        lines[role].append((one.name, [value(one) for value in axes.values()]))
    everyone = [values for members in lines.values() for _, values in members]
    return ParallelData(list(axes), [(min(c), max(c)) for c in zip(*everyone, strict=True)], lines)


def _mean_bits(layers: Sequence[Layer], side: str, one: Candidate) -> float:
    return sum(getattr(one.assignment[layer.name], side).bits for layer in layers) / len(layers)


def draw_parallel(data: ParallelData) -> go.Figure:
    """One trace a role, its lines apart by gaps; each axis from its lowest value at the bottom to its highest."""
    figure = go.Figure()
    for role in _DRAWN:
        x: list[str | None] = []
        y: list[float | None] = []
        custom: list[tuple[str, str]] = []
        for name, values in data.lines[role]:
            x += [*data.axes, None]
            y += [*(_share(v, own) for v, own in zip(values, data.ranges, strict=True)), None]
            custom += [*((name, f"{v:.4g}") for v in values), (name, "")]
        look = ROLES[role]
        figure.add_trace(
            go.Scatter(
                x=x, y=y, customdata=custom, name=look.title, mode="lines+markers", meta=role,
                line={"color": look.colour, "width": 1}, opacity=0.3 if role in ("dominated", "tied", "row") else 0.8,
                marker={"size": 3}, hovertemplate="<b>%{customdata[0]}</b><br>%{x}: %{customdata[1]}<extra></extra>",
            )
        )  # fmt: skip
    for axis, (low, high) in zip(data.axes, data.ranges, strict=True):
        figure.add_annotation(x=axis, y=0, text=f"{low:.3g}", showarrow=False, yshift=-10, font={"size": 10})
        figure.add_annotation(x=axis, y=1, text=f"{high:.3g}", showarrow=False, yshift=10, font={"size": 10})
    figure.update_yaxes(showticklabels=False, range=[-0.08, 1.08], showgrid=False, zeroline=False)
    figure.update_xaxes(categoryorder="array", categoryarray=data.axes)
    return styled(figure, None, None)


def _share(value: float, bounds: tuple[float, float]) -> float:
    low, high = bounds
    return (value - low) / (high - low) if high > low else 0.5
