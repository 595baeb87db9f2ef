"""What each choice costs on its own."""

import pytest

from search.views.figures.sensitivity import build_sensitivity, draw_sensitivity


def test_figure_puts_the_most_sensitive_first() -> None:
    labels = {"calm": ("1 bit", "16 bit"), "touchy": ("w1a1", "fp16")}
    data = build_sensitivity({"calm": [0.1, 0.0], "touchy": [2.0, 0.0]}, labels)
    assert data.columns == ["1 bit / w1a1"]
    assert data.rows == ["touchy", "calm"]
    assert data.added == [[2.0], [0.1]]
    assert draw_sensitivity(data).data[0].z[0][0] == pytest.approx(0.30103)
