"""What all figures share: colours and layout."""

import plotly.graph_objects as go

INK, GREY, ACCENT, PUBLISHED = "#1d2733", "#b9c2cc", "#0b6e99", "#c2571a"


def styled(figure: go.Figure, x: str | None, y: str | None) -> go.Figure:
    """A figure with the report's looks and its axes' titles; None leaves the axes as they are."""
    figure.update_layout(
        template="plotly_white", font={"family": "system-ui, sans-serif", "color": INK, "size": 13},
        margin={"l": 60, "r": 20, "t": 30, "b": 50}, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )  # fmt: skip
    if x is not None:
        figure.update_xaxes(title_text=x)
        figure.update_yaxes(title_text=y)
    return figure
