"""What each choice costs on its own."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from search.views.figures.style import styled

_GREY = "rgba(139,150,163,0.25)"


class SensitivityData(NamedTuple):
    """Divergence that each rung (columns) of each choice (rows) adds over its top rung.

    ``noise`` is what cannot be told from nothing: to lower bits truly helps nowhere, so the most that it seems to.
    """

    rows: list[str]
    columns: list[str]
    added: list[list[float]]
    noise: float

    def text(self, value: float) -> str:
        """A value as it is shown: what is noise as such, and no negative zeros."""
        return "≈ 0" if abs(value) <= self.noise else f"{value:.4f}"


def build_sensitivity(table: Mapping[str, Sequence[float]], labels: Mapping[str, Sequence[str]]) -> SensitivityData:
    """The choices by what their lowest rung adds, the most sensitive first; the top rung, always zero, is left out."""
    ordered = sorted(table, key=lambda name: -table[name][0])
    rungs = max(len(v) for v in table.values()) - 1
    columns = [" / ".join(dict.fromkeys(own[r] for own in labels.values() if r < len(own) - 1)) for r in range(rungs)]
    noise = max(0.0, *(-v for values in table.values() for v in values))
    return SensitivityData(ordered, columns, [list(table[n])[:rungs] for n in ordered], noise)


def draw_sensitivity(data: SensitivityData) -> go.Figure:
    """A heat map on a logarithmic scale of the choices that cost something; what of them is noise is grey."""
    shown = [i for i, row in enumerate(data.added) if max(row) > data.noise]
    rows, added = [data.rows[i] for i in shown], [data.added[i] for i in shown]
    figure = go.Figure()
    for loud, scale in ((True, "Cividis"), (False, [[0, _GREY], [1, _GREY]])):
        told = [[v if (v > data.noise) == loud else None for v in row] for row in added]
        figure.add_trace(
            go.Heatmap(
                z=[[None if v is None else math.log10(v) if loud else 0.0 for v in row] for row in told],
                text=[["" if v is None else data.text(v) for v in row] for row in told],
                x=data.columns, y=rows, texttemplate="%{text}", colorscale=scale, xgap=1, ygap=1, showscale=False,
                hoverongaps=False, hovertemplate="%{y} at %{x}: %{text}<extra></extra>",
            )
        )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=False)
    figure.update_layout(height=max(320, 130 + 22 * len(rows)))
    rest = len(data.rows) - len(rows)
    return styled(figure, f"{rest} choices more cost nothing beyond the noise of {data.noise:.2g}" if rest else "", "")
