"""The front beside what others published, each against its own fp16 model."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from evaluators.costs.paper import RECIPES, TABLE1
from search.front.pareto import front
from search.study.candidate import Candidate
from search.views.figures.style import FRONT, PAPER, PUBLISHED, styled, ticks


class Distilled(NamedTuple):
    """A published smaller model: WER of SUPERB's ASR in percent, MB in fp16, where it stands."""

    name: str
    wer: float
    storage_mb: float
    source: str


DISTILLED = (
    Distilled("DistilHuBERT", 13.37, 46.98, "arXiv 2110.01900, bytes as in arXiv 2301.00652"),
    Distilled("DPHuBERT", 10.47, 46.0, "arXiv 2305.17651"),
    Distilled("DiceHuBERT", 7.64, 52.0, "arXiv 2507.02911, about 52 MB"),
)
_NAMED = ("BiT-LA w1a1", "BiT-LA w2a2", "w1a1", "w2a2", *(one.name for one in DISTILLED))


class Relative(NamedTuple):
    """A point against its own fp16 model: share of its storage, WER points above it, what else is known of it."""

    name: str
    storage: float
    lost: float
    note: str


class RelativeData(NamedTuple):
    """Measured members; the paper's published rows and distilled models as reference points."""

    measured: list[Relative]
    published: list[Relative]
    distilled: list[Relative]


def build_relative(candidates: Sequence[Candidate]) -> RelativeData | None:
    """The front and what others published, each against its own fp16 model; None without a WER of fp16.

    Published rows are of other models on other speech: they are reference points, never members.
    """
    base = next((m for m in candidates if m.name == "fp16" and m.measure == "wer"), None)
    if base is None:
        return None
    on_front = set(front(candidates))
    shown = [m for m in candidates if m.uniform or m in on_front]
    own = next(row for row in TABLE1 if row.model.endswith("FastConv"))
    teacher = next(row for row in TABLE1 if row.model == "HuBERT Base")
    return RelativeData(
        [
            Relative(m.name, m.storage_mb / base.storage_mb, m.error - base.error, f"runtime {m.runtime:.3f}")
            for m in shown
        ],
        [
            Relative(f"{r.model} {r.precision}", r.storage_mb / own.storage_mb, r.wer - own.wer, f"runtime {r.runtime}")
            for r in TABLE1
            if r.model in {recipe.row for recipe in RECIPES.values()}
        ],
        [Relative(d.name, d.storage_mb / teacher.storage_mb, d.wer - teacher.wer, d.source) for d in DISTILLED],
    )


def draw_relative(data: RelativeData) -> go.Figure:
    """WER points lost against share of the storage."""
    figure = go.Figure()
    looks = (
        (
            data.published,
            "published: the paper's Table 1, another model",
            {"color": PUBLISHED, "symbol": "x"},
            "middle left",
        ),
        (
            data.distilled,
            "published: distilled, SUPERB ASR in fp16",
            {"color": PAPER, "symbol": "star"},
            "middle right",
        ),
        (data.measured, "measured here", {"color": FRONT}, "top right"),
    )
    for points, name, marker, side in looks:
        labels = [p.name if p.name in _NAMED else "" for p in points]
        figure.add_trace(
            go.Scatter(
                x=[100 * p.storage for p in points], y=[p.lost for p in points], name=name, mode="markers+text",
                marker={**marker, "size": 9}, text=labels, textposition=side, cliponaxis=False,
                customdata=[(p.name, p.note) for p in points],
                hovertemplate="<b>%{customdata[0]}</b><br>%{x:.1f} % of fp16's bytes, %{y:+.2f} WER points"
                "<br>%{customdata[1]}<extra></extra>",
            )
        )  # fmt: skip
    everyone = [100 * p.storage for points, *_ in looks for p in points]
    figure.update_xaxes(**ticks(everyone), range=[math.log10(min(everyone) / 2), math.log10(1.15 * max(everyone))])
    return styled(figure, "share of the fp16 model's storage, %", "WER points above fp16")
