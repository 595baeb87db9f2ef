"""The front beside the paper."""

import pytest

from search.views.figures import relative
from spaces import Assignment
from tests.search.made_up import EVERYONE, member


def test_published_figures_are_reference_points_and_never_members() -> None:
    fp16 = member(5, 4.0, 1.0, 0, uniform=True, name="fp16", assignment=Assignment({}))
    data = relative.build_relative([*EVERYONE, fp16])
    assert data is not None
    assert len(data.published) == 12
    assert {"BiT-LA w1a1", "BiT-LA w2a2"} <= {p.name for p in data.published}
    w1a1 = next(p for p in data.published if p.name == "BiT-LA w1a1")
    assert w1a1.storage == pytest.approx(25.23 / 184.42)
    assert w1a1.lost == pytest.approx(15.96 - 7.06)
    assert not {p.name for p in data.measured} & {p.name for p in data.published}
    assert "published" in relative.draw_relative(data).data[0].name
    assert relative.build_relative(EVERYONE) is None


def test_distilled_models_stand_against_their_own_teacher() -> None:
    fp16 = member(5, 4.0, 1.0, 0, uniform=True, name="fp16", assignment=Assignment({}))
    data = relative.build_relative([fp16])
    assert data is not None
    found = {p.name: p for p in data.distilled}
    assert found["DiceHuBERT"].lost == pytest.approx(7.64 - 6.42)
    assert found["DistilHuBERT"].storage == pytest.approx(46.98 / 189.14)
    assert all("arXiv" in p.note for p in found.values())
