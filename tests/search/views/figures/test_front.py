"""WER against a cost."""

from search.views.figures import front
from tests.search.made_up import EVERYONE, SPACE, member


def test_front_figure_data_and_drawing() -> None:
    beaten = member(36, 1.5, 0.3, 8)
    uniform = member(29, 0.9, 0.2, 9, uniform=True, name="w1a1")
    data = front.build_front([*EVERYONE, beaten, uniform], "storage_mb", SPACE)
    assert [p.name for p in data.dominated] == ["m1", "m8"]
    assert [p.name for p in data.uniform] == ["w1a1"]
    assert [p.x for p in data.mixed] == [2, 3, 5]
    figure = front.draw_front(data)
    assert [len(t.x) for t in figure.data] == [2, 0, 3, 1]
    assert figure.data[3].text == ("w1a1",)
