"""How the front grew."""

import numpy as np
import pytest

from search.front.pareto import reference_point
from search.views.figures import progress
from tests.search.made_up import EVERYONE


def test_progress_figure_never_falls() -> None:
    volumes = progress.build_progress(EVERYONE).volumes
    assert volumes == sorted(volumes)
    assert len(progress.draw_progress(progress.build_progress(EVERYONE)).data[0].x) == 4
    assert reference_point(EVERYONE)[0] == pytest.approx(33.0)
    assert np.isfinite(volumes).all()
