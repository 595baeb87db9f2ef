"""The small form of the fuzz, and of the driver's measurements."""

from pathlib import Path

import pytest

from search.running.dispatch import Finished
from search.stages.driver import Driver
from tests.benchmarks import driver
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


@pytest.mark.parametrize("own", [0.0, 0.5])
def test_the_share_of_busy_workers_is_what_the_driver_leaves_of_it(
    own: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    def tell(self: Driver, finished: Finished) -> bool:
        sleep(own)  # the driver's own work on a trial
        return told(self, finished)

    told = Driver._tell
    monkeypatch.setattr(Driver, "_tell", tell)
    monkeypatch.setattr(driver, "_now", lambda: clock[0])
    monkeypatch.setattr(driver, "_sleep", sleep)
    found = busy(tmp_path, workers=3, rounds=2, sampler="random", compress=1.0)
    assert found["trials"] == 3 * 2 + 5
    assert found["share"] == 1 if own == 0 else 0.5 < found["share"] < 1
