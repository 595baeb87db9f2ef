"""What all figures share: colours that stay apart for the colour-blind, and layout."""

import plotly.graph_objects as go

INK, GREY, FRONT, ROW, PAPER, TESTED, PUBLISHED = (
    "#1d2733", "#8b96a3", "#1f83c8", "#d9822b", "#b5367a", "#1b9e77", "#7b5fc4",
)  # fmt: skip
_AXIS = {"gridcolor": "#e1e6eb", "zerolinecolor": "#c3ccd5", "linecolor": "#c3ccd5", "automargin": True}
_STEPS = ((1, 2, 5), (1, 2, 3, 5, 7), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8))  # of round numbers, coarse to fine
_NARROW = 1.5  # the largest over the smallest
_ENOUGH = 5  # ticks on an axis
# the report's script puts a template of its own in its place where a page is dark
_LIGHT = go.layout.Template(
    layout={
        "font": {"family": "system-ui, sans-serif", "color": INK, "size": 13},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "xaxis": _AXIS, "yaxis": _AXIS,
        "hoverlabel": {"align": "left"},
    }
)  # fmt: skip
# of the binary logarithm of bits
BITS_AXIS = {
    "colorscale": "Viridis", "cmin": 0, "cmax": 4,
    "colorbar": {
        "title": {"text": "bits"}, "tickvals": [*range(5)], "ticktext": ["1", "2", "4", "8", "16"], "thickness": 10,
    },
}  # fmt: skip


def styled(figure: go.Figure, x: str | None, y: str | None) -> go.Figure:
    """A figure with the report's looks and its axes' titles; None leaves the axes as they are."""
    figure.update_layout(
        template=_LIGHT, margin={"l": 55, "r": 15, "t": 30, "b": 45},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )  # fmt: skip
    if x is not None:
        figure.update_xaxes(title_text=x)
        figure.update_yaxes(title_text=y)
    return figure


def scale_of(values: list[float]) -> dict[str, object]:
    """A logarithmic axis of some positive values; a linear one where they lie too close together for round ticks."""
    found = ticks(values)
    return {"type": "linear"} if max(values, default=1.0) < _NARROW * min(values, default=0.0) else found


def ticks(values: list[float]) -> dict[str, object]:
    """Round numbers within the range of some positive values, as the ticks of a logarithmic axis."""
    least, most = min(values, default=1.0), max(values, default=1.0)
    shown: list[float] = []
    for steps in _STEPS:
        shown = [round(s * 10.0**power, 8) for power in range(-4, 5) for s in steps]
        shown = [t for t in shown if 0.9 * least <= t <= 1.1 * most]
        if len(shown) >= _ENOUGH:
            break
    return {"type": "log", "tickvals": shown, "ticktext": [f"{t:g}" for t in shown]}
