"""WER against a cost."""

import pytest

from search.views.figures import front
from search.views.figures.style import scale_of, ticks
from tests.search.made_up import EVERYONE, member, on_test_corpus

BEATEN = member(36, 1.5, 0.3, 8)
UNIFORM = member(29, 0.9, 0.2, 9, uniform=True, name="w1a1", test=on_test_corpus(25))
ROW = member(36, 3.0, 0.7, 7, uniform=True, name="w4a4")


def test_candidates_stand_by_what_they_are() -> None:
    data = front.build_front([*EVERYONE, BEATEN, UNIFORM, ROW], "storage_mb")
    names = {role: [p.name for p in points] for role, points in data.points.items()}
    assert names == {
        "dominated": ["m1", "m8"], "tied": [], "row": ["w4a4"], "paper": ["w1a1"], "front": ["m2", "m3", "m4"],
    }  # fmt: skip
    assert [p.on_front for p in data.points["row"]] == [False]


def test_each_role_is_a_trace_of_its_own_and_the_test_corpus_another() -> None:
    figure = front.draw_front(front.build_front([*EVERYONE, BEATEN, UNIFORM, ROW], "storage_mb"))
    traces = {trace.meta: trace for trace in figure.data}
    assert list(traces["front"].x) == [2, 3, 5]
    assert (list(traces["test"].x), list(traces["test"].y)) == ([0.9], [25.0])
    assert traces["paper"].text == ("w1a1",)
    assert traces["row"].marker.symbol == ("diamond-open",)
    assert [m[0] for m in traces["front"].customdata] == ["m2", "m3", "m4"]


def test_three_dimensions_hold_the_same_points() -> None:
    figure = front.draw_space(front.build_front([*EVERYONE, UNIFORM], ""))
    points = {c[0]: (x, y, z) for t in figure.data for c, x, y, z in zip(t.customdata, t.x, t.y, t.z, strict=True)}
    assert points == {m.name: (m.storage_mb, m.runtime, m.error) for m in (*EVERYONE, UNIFORM)}


@pytest.mark.parametrize("values", [[0.5, 5.0], [0.51, 0.58], [12.0], []])
def test_a_logarithmic_axis_has_round_ticks_within_its_range(values: list[float]) -> None:
    found = ticks(values)["tickvals"]
    assert isinstance(found, list)
    assert len(found) <= 10
    assert all(0.9 * min(values) <= t <= 1.1 * max(values) for t in found if values)


def test_an_axis_of_values_close_together_is_linear() -> None:
    assert scale_of([45.1, 51.6])["type"] == "linear"
    assert scale_of([4.1, 51.6])["type"] == scale_of([0.5, 0.8])["type"] == "log"
