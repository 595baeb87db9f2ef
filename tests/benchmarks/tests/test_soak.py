"""The small form of the soak."""

from pathlib import Path

import pytest

from tests.benchmarks.soak import soak


@pytest.mark.slow
def test_nothing_is_lost_left_running_or_repeated_under_faults(tmp_path: Path) -> None:
    found = soak(12, tmp_path)
    assert found["faults"] >= 12
    assert (found["lost"], found["running"], found["repeated"]) == (0, 0, 0)
    assert found["measured"] > 0
