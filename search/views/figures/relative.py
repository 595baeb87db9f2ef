"""The front beside the paper's Table 1, each against its own fp16 model."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from evaluators.costs.paper import RECIPES, TABLE1
from search.front.pareto import front
from search.study.candidate import Candidate
from search.views.figures.style import ACCENT, PUBLISHED, styled


class Relative(NamedTuple):
    """A point against its own fp16 model: shares of its storage and runtime, WER points above it."""

    name: str
    storage: float
    runtime: float
    lost: float


class RelativeData(NamedTuple):
    """Measured members, and the paper's published rows as reference points."""

    measured: list[Relative]
    published: list[Relative]


def build_relative(candidates: Sequence[Candidate]) -> RelativeData | None:
    """The front and the paper's Table 1, each against its own fp16 model; None until fp16 is measured.

    The paper's rows are of another model on other speech: they are reference points, never members.
    """
    base = next((m for m in candidates if m.name == "fp16"), None)
    if base is None:
        return None
    shown = [m for m in candidates if m.uniform or m in set(front(candidates))]
    own = next(row for row in TABLE1 if row.model.endswith("FastConv"))
    return RelativeData(
        [Relative(m.name, m.storage_mb / base.storage_mb, m.runtime, m.wer - base.wer) for m in shown],
        [
            Relative(f"{r.model} {r.precision}", r.storage_mb / own.storage_mb, r.runtime, r.wer - own.wer)
            for r in TABLE1
            if r.model in {recipe.row for recipe in RECIPES.values()}
        ],
    )


def draw_relative(data: RelativeData) -> go.Figure:
    """WER points lost against share of the storage."""
    figure = go.Figure()
    looks = (
        (data.published, "paper's Table 1 (published, another model)", {"color": PUBLISHED, "symbol": "x", "size": 9}),
        (data.measured, "measured here", {"color": ACCENT, "size": 9}),
    )
    for points, name, marker in looks:
        labels = [p.name if p.name in ("BiT-LA w1a1", "BiT-LA w2a2", "w1a1", "w2a2") else "" for p in points]
        figure.add_trace(
            go.Scatter(
                x=[100 * p.storage for p in points], y=[p.lost for p in points], name=name, mode="markers+text",
                marker=marker, text=labels, textposition="top right", customdata=[(p.name, p.runtime) for p in points],
                hovertemplate="<b>%{customdata[0]}</b><br>%{x:.1f} % of fp16's bytes, %{y:+.2f} WER points"
                "<br>runtime %{customdata[1]:.3f}<extra></extra>",
            )
        )  # fmt: skip
    return styled(figure, "share of the fp16 model's storage, %", "WER points above fp16")
