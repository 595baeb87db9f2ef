"""The figures of a study: each is built as plain data by one function and drawn by another."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evaluators.paper import TABLE1
from search.member import Member
from search.pareto import front, hypervolume, is_tied, reference_point
from spaces import SearchSpace

_INK, _GREY, _ACCENT, _PAPER = "#1d2733", "#b9c2cc", "#0b6e99", "#c2571a"
_AXES = {"storage_mb": "storage of the packed file, MB", "runtime": "estimated runtime, share of fp16"}


class Point(NamedTuple):
    """A measured member as a figure shows it; ``low`` and ``high`` bound its WER."""

    name: str
    x: float
    wer: float
    low: float
    high: float
    runtime: float
    mean_bits: float
    note: str


class FrontData(NamedTuple):
    """Members by role: on the front and mixed, uniform, and all others; ``tied`` ones may well be on the front."""

    axis: str
    mixed: list[Point]
    uniform: list[Point]
    dominated: list[Point]
    tied: list[Point]


def build_front(members: Sequence[Member], axis: str, space: SearchSpace) -> FrontData:
    """WER against ``storage_mb`` or ``runtime``."""
    on_front = front(members)
    ties = {m for m in members if is_tied(m, on_front)}
    points = {m: _point(m, axis, space) for m in sorted(members, key=lambda m: getattr(m, axis))}
    return FrontData(
        axis,
        [p for m, p in points.items() if m in on_front and not m.uniform],
        [p for m, p in points.items() if m.uniform],
        [p for m, p in points.items() if m not in on_front and not m.uniform and m not in ties],
        [p for m, p in points.items() if m in ties and not m.uniform],
    )


def _point(member: Member, axis: str, space: SearchSpace) -> Point:
    note = member.assignment.short(space.architecture).replace("; ", "<br>")
    return Point(
        member.name, getattr(member, axis), member.wer, member.wer_low, member.wer_high, member.runtime,
        member.mean_bits, note,
    )  # fmt: skip


def draw_front(data: FrontData) -> go.Figure:
    """The front as circles coloured by mean weight bits, uniform members as labelled diamonds, the rest in grey."""
    figure = go.Figure()
    figure.add_trace(_scatter(data.dominated, "measured, dominated", {"color": _GREY, "size": 6}, bars=False))
    ring = {"color": "white", "size": 8, "line": {"color": _GREY, "width": 2}}
    figure.add_trace(_scatter(data.tied, "dominated, but not by a significant WER", ring, bars=False))
    marker = {
        "color": [p.mean_bits for p in data.mixed], "colorscale": "Viridis", "size": 11, "cmin": 1, "cmax": 8,
        "colorbar": {"title": {"text": "bits a<br>weight"}, "thickness": 12}, "line": {"color": "white", "width": 1},
    }  # fmt: skip
    figure.add_trace(_scatter(data.mixed, "mixed, on the front", marker))
    uniform = _scatter(data.uniform, "uniform", {"color": _ACCENT, "size": 12, "symbol": "diamond"})
    uniform.update(mode="markers+text", text=[p.name for p in data.uniform], textposition="top right")
    figure.add_trace(uniform)
    # most of what is interesting is small: a logarithmic axis gives it room
    ticks = _ticks([p.x for p in (*data.mixed, *data.uniform, *data.dominated, *data.tied)])
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{t:g}" for t in ticks])
    return _styled(figure, _AXES[data.axis], "WER, %")


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


def build_relative(members: Sequence[Member]) -> RelativeData | None:
    """The front and the paper's Table 1, each against its own fp16 model; None until fp16 is measured.

    The paper's rows are of another model on other speech: they are reference points, never members.
    """
    base = next((m for m in members if m.name == "fp16"), None)
    if base is None:
        return None
    shown = [m for m in members if m.uniform or m in set(front(members))]
    own = next(row for row in TABLE1 if row.model.endswith("FastConv"))
    return RelativeData(
        [Relative(m.name, m.storage_mb / base.storage_mb, m.runtime, m.wer - base.wer) for m in shown],
        [
            Relative(f"{r.model} {r.precision}", r.storage_mb / own.storage_mb, r.runtime, r.wer - own.wer)
            for r in TABLE1
            if r.model in ("SqWQ", "BiT-L", "BiT-LA")
        ],
    )


def draw_relative(data: RelativeData) -> go.Figure:
    """WER points lost against share of the storage."""
    figure = go.Figure()
    looks = (
        (data.published, "paper's Table 1 (published, another model)", {"color": _PAPER, "symbol": "x", "size": 9}),
        (data.measured, "measured here", {"color": _ACCENT, "size": 9}),
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
    return _styled(figure, "share of the fp16 model's storage, %", "WER points above fp16")


class BitsData(NamedTuple):
    """Bits of each front member (rows) in each group of each block (columns), weights and activations apart."""

    rows: list[str]
    weight_columns: list[str]
    weights: list[list[float]]
    activation_columns: list[str]
    activations: list[list[float]]


def build_bits(members: Sequence[Member], space: SearchSpace) -> BitsData:
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
    chosen = front(members)
    return BitsData(
        [f"{m.name}  {m.storage_mb:.2f} MB  {m.wer:.1f} %" for m in chosen],
        list(weighted),
        [[sum(m.assignment[n].weight for n in names) / len(names) for names in weighted.values()] for m in chosen],
        list(columns),
        [[sum(m.assignment[n].activation for n in names) / len(names) for names in columns.values()] for m in chosen],
    )


def draw_bits(data: BitsData) -> go.Figure:
    """Two heat maps on one logarithmic colour scale."""
    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=True, subplot_titles=("weights", "activations"), column_widths=[0.4, 0.6]
    )
    panels = ((1, data.weight_columns, data.weights), (2, data.activation_columns, data.activations))
    for column, names, table in panels:
        figure.add_trace(
            go.Heatmap(
                z=[[math.log2(v) for v in r] for r in table], x=names, y=data.rows, coloraxis="coloraxis",
                xgap=1, ygap=1, text=[[f"{v:.2g}" for v in r] for r in table], texttemplate="%{text}",
                hovertemplate="%{y}<br>%{x}: %{text} bits<extra></extra>",
            ),
            row=1, col=column,
        )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(
        coloraxis={
            "colorscale": "Viridis", "cmin": 0, "cmax": 4,
            "colorbar": {"title": {"text": "bits"}, "tickvals": [*range(5)], "ticktext": ["1", "2", "4", "8", "16"]},
        },
        height=max(320, 130 + 24 * len(data.rows)),
    )  # fmt: skip
    return _styled(figure, None, None)


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
    return _styled(figure, None, None)


class ProgressData(NamedTuple):
    """Hypervolume of everything measured up to each trial, in the order in which trials were asked for."""

    numbers: list[int]
    volumes: list[float]


def build_progress(members: Sequence[Member]) -> ProgressData:
    """How the front grew."""
    ordered = sorted(members, key=lambda m: m.number)
    reference = reference_point(members) if members else (1.0, 1.0, 1.0)
    volumes = [hypervolume([m.costs for m in ordered[: i + 1]], reference) for i in range(len(ordered))]
    return ProgressData([m.number for m in ordered], volumes)


def draw_progress(data: ProgressData) -> go.Figure:
    """Hypervolume by trial."""
    line = {"color": _ACCENT, "shape": "hv"}
    figure = go.Figure(go.Scatter(x=data.numbers, y=data.volumes, mode="lines+markers", line=line))
    return _styled(figure, "trial", "hypervolume, share of the reference box")


def _styled(figure: go.Figure, x: str | None, y: str | None) -> go.Figure:
    figure.update_layout(
        template="plotly_white", font={"family": "system-ui, sans-serif", "color": _INK, "size": 13},
        margin={"l": 60, "r": 20, "t": 30, "b": 50}, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )  # fmt: skip
    if x is not None:
        figure.update_xaxes(title_text=x)
        figure.update_yaxes(title_text=y)
    return figure
