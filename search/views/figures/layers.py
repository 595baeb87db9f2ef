"""Which layers want bits: a heat map for each of several fronts, side by side."""

from collections.abc import Sequence
from math import log2
from typing import NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from search.front.compare import Contender
from search.views.figures.style import BITS_AXIS, styled


class LayersData(NamedTuple):
    """Mean bits of the mixtures on each front: for each contender modules (rows) by blocks (columns), None for none.

    ``weights`` and ``activations`` have a table a contender; the last column is what lies outside the blocks.
    """

    labels: list[str]
    modules: list[str]
    blocks: list[str]
    weights: list[list[list[float | None]]]
    activations: list[list[list[float | None]]]


def build_layers(contenders: Sequence[Contender]) -> LayersData | None:
    """Of the contenders whose fronts hold mixtures; None where fewer than two do."""
    mixed = [one for one in contenders if one.bits]
    if len(mixed) < 2:
        return None
    every = [bits for one in mixed for bits in one.bits.values()]
    modules = list(dict.fromkeys(bits.module for bits in every))
    blocks = [*sorted({bits.block for bits in every if bits.block is not None}), None]

    def table(one: Contender, side: str) -> list[list[float | None]]:
        at = {(bits.module, bits.block): getattr(bits, side) for bits in one.bits.values()}
        return [[at.get((module, block)) for block in blocks] for module in modules]

    return LayersData(
        [one.label for one in mixed],
        modules,
        ["rest" if block is None else str(block) for block in blocks],
        [table(one, "weight") for one in mixed],
        [table(one, "activation") for one in mixed],
    )


def draw_layers(data: LayersData) -> go.Figure:
    """A column of heat maps a contender, weights above activations, on one logarithmic colour scale."""
    figure = make_subplots(
        rows=2, cols=len(data.labels), shared_xaxes=True, shared_yaxes=True, vertical_spacing=0.06,
        horizontal_spacing=0.04, column_titles=data.labels, row_titles=["weights", "activations"],
    )  # fmt: skip
    for row, tables in enumerate((data.weights, data.activations), 1):
        for column, table in enumerate(tables, 1):
            figure.add_trace(
                go.Heatmap(
                    z=[[None if v is None else log2(v) for v in line] for line in table],
                    x=data.blocks, y=data.modules, coloraxis="coloraxis", xgap=1, ygap=1,
                    text=[["" if v is None else f"{v:.2g}" for v in line] for line in table], texttemplate="%{text}",
                    hovertemplate="%{y}, block %{x}: %{text} bits<extra></extra>", hoverongaps=False,
                ),
                row=row, col=column,
            )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=False, type="category")
    figure.update_layout(coloraxis=BITS_AXIS, height=160 + 44 * len(data.modules))
    return styled(figure, None, None)
