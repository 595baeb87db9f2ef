"""How the front grew."""

import numpy as np
import pytest

from search.front.pareto import reference_point
from search.hypervolume import hypervolume
from search.views.figures import progress
from tests.search.made_up import EVERYONE, member


def test_progress_figure_never_falls() -> None:
    data = progress.build_progress(EVERYONE)
    assert data.volumes == sorted(data.volumes)
    assert len(progress.draw_progress(data).data[0].x) == 4
    assert reference_point(EVERYONE)[0] == pytest.approx(33.0)
    assert np.isfinite(data.volumes).all()


def test_hours_add_up_what_workers_spent_and_rows_stand_beside() -> None:
    row = member(25, 2.5, 0.5, 5, uniform=True, name="w2a2", seconds=3600.0)
    data = progress.build_progress([*EVERYONE, row])
    assert data.hours[-1] == pytest.approx(1 + 4 / 3600)
    assert data.rows == pytest.approx(hypervolume([row.objectives], reference_point([*EVERYONE, row])))
    figure = progress.draw_hours(data)
    assert list(figure.data[0].x) == data.hours
    assert set(figure.data[1].y) == {data.rows}
