"""The bits of each candidate of the front, block by block."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from search.front.pareto import front
from search.study.candidate import Candidate
from search.views.figures.style import BITS_AXIS, styled
from spaces import SearchSpace


class BitsData(NamedTuple):
    """Bits of each front member (rows) in each group of each block (columns), weights and activations apart."""

    rows: list[str]
    weight_columns: list[str]
    weights: list[list[float]]
    activation_columns: list[str]
    activations: list[list[float]]


def build_bits(candidates: Sequence[Candidate], space: SearchSpace) -> BitsData:
    """Mean bits of the layers that each column stands for; attention products have no weights."""
    columns: dict[str, list[str]] = {}
    weightless = set()
    for layer in space.layers:
        group = layer.group.replace("_", " ")
        column = group if layer.block is None else f"{layer.block} {group}"
        columns.setdefault(column, []).append(layer.name)
        if not layer.weights:
            weightless.add(column)
    weighted = {c: names for c, names in columns.items() if c not in weightless}
    chosen = front(candidates)
    return BitsData(
        [m.name for m in chosen],
        list(weighted),
        [[sum(m.assignment[n].weight.bits for n in names) / len(names) for names in weighted.values()] for m in chosen],
        list(columns),
        [
            [sum(m.assignment[n].activation.bits for n in names) / len(names) for names in columns.values()]
            for m in chosen
        ],
    )


def draw_bits(data: BitsData) -> go.Figure:
    """Two heat maps, one under the other, on one logarithmic colour scale."""
    figure = make_subplots(
        rows=2, cols=1, subplot_titles=("weights", "activations"),
        vertical_spacing=min(0.3, 150 / (330 + 44 * len(data.rows))),
    )  # fmt: skip
    panels = ((1, data.weight_columns, data.weights), (2, data.activation_columns, data.activations))
    for row, names, table in panels:
        figure.add_trace(
            go.Heatmap(
                z=[[math.log2(v) for v in r] for r in table], x=names, y=data.rows, coloraxis="coloraxis",
                xgap=1, ygap=1, text=[[f"{v:.2g}" for v in r] for r in table], texttemplate="%{text}",
                customdata=[[(name,) for _ in names] for name in data.rows],
                hovertemplate="%{y}<br>%{x}: %{text} bits<extra></extra>",
            ),
            row=row, col=1,
        )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=False)
    figure.update_layout(
        coloraxis=BITS_AXIS,
        height=330 + 44 * len(data.rows),
    )  # fmt: skip
    return styled(figure, None, None)
