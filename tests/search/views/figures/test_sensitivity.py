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


def test_what_a_lowered_choice_seems_to_help_is_noise_and_shown_as_such() -> None:
    labels = dict.fromkeys(("loud", "quiet", "lucky"), ("1 bit", "2 bit", "16 bit"))
    data = build_sensitivity(
        {"loud": [0.5, 0.01, 0.0], "quiet": [0.015, -1e-9, 0.0], "lucky": [0.0, -0.02, 0.0]}, labels
    )
    assert data.noise == 0.02
    assert [[data.text(v) for v in row] for row in data.added] == [["0.5000", "≈ 0"], ["≈ 0", "≈ 0"], ["≈ 0", "≈ 0"]]
    figure = draw_sensitivity(data)
    assert figure.data[0].y == ("loud",)
    assert figure.layout.xaxis.title.text == "2 choices more cost nothing beyond the noise of 0.02"
