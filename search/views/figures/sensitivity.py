"""What each choice costs on its own."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from search.views.figures.style import styled


class SensitivityData(NamedTuple):
    """Divergence that each rung (columns) of each choice (rows) adds over its top rung."""

    rows: list[str]
    columns: list[str]
    added: list[list[float]]


def build_sensitivity(table: Mapping[str, Sequence[float]], labels: Mapping[str, Sequence[str]]) -> SensitivityData:
    """The choices by what their lowest rung adds, the most sensitive first; the top rung, always zero, is left out."""
    ordered = sorted(table, key=lambda name: -table[name][0])
    rungs = max(len(v) for v in table.values()) - 1
    columns = [" / ".join(dict.fromkeys(own[r] for own in labels.values() if r < len(own) - 1)) for r in range(rungs)]
    return SensitivityData(ordered, columns, [list(table[n])[:rungs] for n in ordered])


def draw_sensitivity(data: SensitivityData) -> go.Figure:
    """A heat map on a logarithmic scale."""
    least = 1e-4
    figure = go.Figure(
        go.Heatmap(
            z=[[math.log10(max(v, least)) for v in r] for r in data.added], x=data.columns, y=data.rows,
            text=[[f"{v:.3f}" for v in r] for r in data.added], texttemplate="%{text}", colorscale="Viridis",
            xgap=1, ygap=1, showscale=False, hovertemplate="%{y} at %{x}: %{text} nat a frame<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(height=max(320, 110 + 22 * len(data.rows)))
    return styled(figure, None, None)
