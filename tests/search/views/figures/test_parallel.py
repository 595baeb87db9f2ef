"""Parallel coordinates."""

from search.views.figures.parallel import build_parallel, draw_parallel
from spaces import Precision
from tests.search.made_up import EVERYONE, SPACE, member


def test_every_member_is_a_line_over_costs_and_bits() -> None:
    uniform = member(25, 2.5, 0.5, 5, uniform=True, name="w2a4", assignment=SPACE.uniform(Precision.of(2, 4)))
    data = build_parallel([*EVERYONE, uniform], SPACE)
    assert data.axes[:5] == ["error %", "MB", "runtime", "attention w", "attention a"]
    assert "products w" not in data.axes
    ((name, values),) = data.lines["row"]
    assert name == "w2a4"
    assert values[:5] == [25, 2.5, 0.5, 2, 4]
    assert data.ranges[0] == (9, 30)


def test_lines_are_apart_and_within_their_axes() -> None:
    data = build_parallel(EVERYONE, SPACE)
    figure = draw_parallel(data)
    front = next(t for t in figure.data if t.meta == "front")
    assert front.y.count(None) == len(data.lines["front"])
    assert all(0 <= y <= 1 for t in figure.data for y in t.y if y is not None)
    assert [c[0] for c in front.customdata[:: len(data.axes) + 1]] == [name for name, _ in data.lines["front"]]
