"""The small form of the fuzz, and of the driver's measurements."""

from pathlib import Path

import pytest

from tests.benchmarks.driver import busy, trial_cost
from tests.benchmarks.fuzz import fuzz


@pytest.mark.slow
def test_broken_inputs_end_in_a_result_or_one_line(tmp_path: Path) -> None:
    found = fuzz(900, tmp_path, seed=2)
    assert (found["tracebacks"], found["hangs"], found["long errors"]) == (0, 0, 0)
    assert found["errors"] > 300


def test_the_drivers_benchmark_measures_what_it_says(tmp_path: Path) -> None:
    cost = trial_cost(tmp_path / "a", 20, 10, None)
    assert cost["trials_before"] == 20
    assert 0 < cost["median_ms"] <= cost["p95_ms"]
    share = busy(tmp_path / "b", workers=3, rounds=2, sampler="random", compress=50.0)
    assert share["trials"] == 3 * 2 + 5
    assert 0 < share["share"] <= 1
