"""The driver on the tiny study: order, repetition, resume, failures. Measuring is real unless a test says otherwise."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from search.front.pareto import front
from search.hypervolume import dominated
from search.running.executors import InlineExecutor
from search.running.job import MeasureJob, Outcome, ScoreJob, SensitivityJob
from search.stages.run import search_study
from search.stages.stage import RunContext, Stop
from search.study.candidate import Candidate
from search.study.layout import result_path
from search.study.records import candidates as members
from search.study.records import database_url, open_study
from search.study.sections import UNIFORM
from search.study.study_file import StudyFile
from spaces import Assignment, UserError
from tests.conftest import TOML, write_study


def _search(path: Path, trials: int = 3, executor: Any = None, **changes: Any) -> tuple[StudyFile, list[Candidate]]:
    file = StudyFile.load(path)
    file = file.model_copy(update={"search": file.search.model_copy(update={"trials": trials, **changes})})
    return file, search_study(file, RunContext(executor or InlineExecutor(), lambda _: None, Stop()))


def _trials(file: StudyFile) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(storage=database_url(file), study_name=file.study_name).trials


def _values(file: StudyFile) -> list[tuple[Any, Any]]:
    return [(t.params, t.values) for t in _trials(file) if t.state == TrialState.COMPLETE]


class Simulated(InlineExecutor):
    """Answers with a WER that falls with the bits, and counts what it was asked to measure."""

    def __init__(self, fail: dict[int, str] | None = None, stop_after: int = 10**9, diverges: str = "never") -> None:
        super().__init__()
        self.measured: list[Assignment] = []
        self.diverged: list[Assignment] = []
        self._fail, self._stop_after, self._diverges = fail or {}, stop_after, diverges

    def wait(self, seconds: float) -> list[Outcome]:
        if not self._waiting:
            return []
        if len(self.measured) == self._stop_after:
            raise SystemExit("killed")
        job = self._waiting.popleft()
        if isinstance(job, SensitivityJob):
            return [Outcome(job, None, "error", "a simulation has none")]
        assert isinstance(job, MeasureJob | ScoreJob)
        if isinstance(job, MeasureJob) and job.number in self._fail:
            return [Outcome(job, None, self._fail[job.number], "as the test wants it")]
        if isinstance(job, MeasureJob) and self._diverges in job.assignment.to_json():
            self.diverged.append(job.assignment)
            return [Outcome(job, None, "diverged", "as the test wants it")]
        if isinstance(job, MeasureJob):
            self.measured.append(job.assignment)
        return [Outcome(job, self._result(job))]

    @staticmethod
    def _result(job: MeasureJob | ScoreJob) -> dict[str, Any]:
        errors = [min(9, 3 + job.assignment.to_json().count("w1") // 4)] * 10
        return {
            "wer": sum(errors) * 1.0, "wer_low": 0.0, "wer_high": 100.0, "errors": errors, "words": [10] * 10,
            "characters": [50] * 10,
            "ctc": sum(errors) / 40, "divergence": sum(errors) / 60,
            "seconds": {"score": 0.1}, "steps": 1, "fingerprint": "x",
        }  # fmt: skip


def test_uniform_members_come_first_and_the_front_holds_no_dominated_one(tiny: Path) -> None:
    file, found = _search(tiny)
    names = [file.search_space.rows.name(file.search_space.decode(t.params)) for t in _trials(file)[:5]]
    assert names == list(UNIFORM)
    assert len(found) == 8
    assert all(m.test is not None for m in front(found))
    assert {t.state for t in _trials(file)} == {TrialState.COMPLETE}


def test_the_same_seed_gives_the_same_trials(tmp_path: Path) -> None:
    runs = [_search(write_study(tmp_path / name))[0] for name in ("a", "b")]
    assert _values(runs[0]) == _values(runs[1])
    other, _ = _search(write_study(tmp_path / "c"), seed=1)
    assert _values(other) != _values(runs[0])


def test_going_on_gives_the_trials_of_one_run_and_measures_nothing_twice(tmp_path: Path) -> None:
    whole, _ = _search(write_study(tmp_path / "a"), 12, Simulated())
    path = write_study(tmp_path / "b")
    first, second = Simulated(), Simulated()
    _search(path, 4, first)
    parts, _ = _search(path, 12, second)
    assert _values(parts) == _values(whole)
    assert not set(first.measured) & set(second.measured)
    assert len(first.measured) + len(second.measured) == 17


def test_a_driver_that_died_leaves_nothing_running_and_loses_nothing(tmp_path: Path) -> None:
    whole, _ = _search(write_study(tmp_path / "a"), 6, Simulated())
    path = write_study(tmp_path / "b")
    with pytest.raises(SystemExit):
        _search(path, 6, Simulated(stop_after=8))
    assert TrialState.RUNNING in {t.state for t in _trials(StudyFile.load(path))}
    parts, _ = _search(path, 6, Simulated())
    assert _values(parts) == _values(whole)
    failed = [t for t in _trials(parts) if t.state == TrialState.FAIL]
    assert [t.user_attrs["failure"] for t in failed] == ["interrupted"]


def test_a_result_that_a_worker_left_is_taken_over(tiny: Path) -> None:
    class DiesBeforeTelling(InlineExecutor):
        def wait(self, seconds: float) -> list[Outcome]:
            done = super().wait(seconds)
            if not done or isinstance(done[0].job, SensitivityJob):
                return done
            raise SystemExit("killed after the worker wrote its result")

    with pytest.raises(SystemExit):
        _search(tiny, 0, DiesBeforeTelling())
    left = json.loads(result_path(StudyFile.load(tiny), Assignment({}).digest).read_text())

    class Alike(Simulated):
        @staticmethod
        def _result(job: MeasureJob | ScoreJob) -> dict[str, Any]:
            return {**Simulated._result(job), "fingerprint": left["fingerprint"]}

    executor = Alike()
    file, found = _search(tiny, 0, executor)
    assert len(executor.measured) == 4  # fp16, the first, was measured by the run that died
    assert _trials(file)[0].state == TrialState.COMPLETE
    assert len(found) == 5


def test_a_torn_result_is_measured_again(tiny: Path) -> None:
    with pytest.raises(SystemExit):
        _search(tiny, 0, Simulated(stop_after=0))
    file = StudyFile.load(tiny)
    left = result_path(file, Assignment({}).digest)
    left.parent.mkdir(parents=True)
    left.write_text('{"digest": "44136fa355b3", "wer": 3')
    executor = Simulated()
    _search(tiny, 0, executor)
    assert len(executor.measured) == 5


def test_failures_carry_their_kind_and_uniform_members_are_tried_again(tiny: Path) -> None:
    file, found = _search(tiny, 2, Simulated(fail={1: "out_of_memory"}))
    assert _trials(file)[1].user_attrs["failure"] == "out_of_memory"
    assert "w8a8" not in {m.name for m in found}
    _, found = _search(tiny, 2, Simulated())
    assert "w8a8" in {m.name for m in found}


@pytest.mark.parametrize("sampler", ["hubits", "random"])
def test_a_candidate_that_always_fails_does_not_come_again(tiny: Path, sampler: str) -> None:
    executor = Simulated(diverges='"block0.attention.k_proj": "w4a4"')
    _, found = _search(tiny, 12, executor, sampler=sampler)
    assert len([m for m in found if not m.baseline]) == 12
    assert len(set(executor.diverged)) == len(executor.diverged) >= 1


def test_five_failures_of_one_kind_stop_the_study(tiny: Path) -> None:
    with pytest.raises(UserError, match=r"5 trials in a row failed \(error: as the test wants it\)"):
        _search(tiny, 9, Simulated(fail=dict.fromkeys(range(99), "error")))


def test_candidates_over_a_limit_cost_nothing(tiny: Path) -> None:
    file = StudyFile.load(tiny)
    executor = Simulated()
    file, found = _search(tiny, 4, executor, max_runtime=0.9)
    mixed = [m for m in found if not m.baseline]
    assert all(m.runtime <= 0.9 for m in mixed)
    assert len(mixed) == 4
    assert {m.name for m in found if m.baseline} == set(UNIFORM)  # the baselines are measured whatever the limits
    told = [t for t in _trials(file) if t.user_attrs.get("failure") == "over_limit"]
    assert len(executor.measured) == len(found)
    assert all(t.user_attrs["runtime"] > 0.9 for t in told)


def test_a_space_that_is_spent_ends_the_search(tmp_path: Path) -> None:
    text = TOML.replace(
        "weight_bits = [1, 2, 4, 8, 16]\nactivation_bits = [1, 2, 4, 8, 16]", 'precisions = ["w1a1", "fp16"]'
    )
    text = text.replace('"module"', '"block"\nuniform = ["fp16", "w1a1"]')
    _, found = _search(write_study(tmp_path, text), 50, Simulated())
    assert len(found) == 4


@pytest.mark.parametrize("sampler", ["hubits", "gp", "random", "nsga2", "tpe"])
def test_every_sampler_runs_and_repeats_itself(tmp_path: Path, sampler: str) -> None:
    files = [_search(write_study(tmp_path / n), 12, Simulated(), sampler=sampler)[0] for n in ("a", "b")]
    assert _values(files[0]) == _values(files[1])


def test_a_plateau_ends_the_search_and_says_so(tiny: Path) -> None:
    class Flat(Simulated):
        @staticmethod
        def _result(job: MeasureJob | ScoreJob) -> dict[str, Any]:
            return {**Simulated._result(job), "wer": 50.0 if job.assignment == Assignment({}) else 90.0}

    notes: list[str] = []
    file = StudyFile.load(tiny)
    file = file.model_copy(update={"search": file.search.model_copy(update={"trials": 200, "plateau": 6})})
    found = search_study(file, RunContext(Flat(), lambda p: notes.append(p.note), Stop()))
    assert 5 + 6 <= len(found) < 100
    assert any("plateau" in note for note in notes)
    again = Flat()
    assert len(search_study(file, RunContext(again, lambda _: None, Stop()))) <= len(found) + 1  # it stays ended


def test_a_trial_over_its_time_fails_and_the_search_goes_on(tiny: Path) -> None:
    file, found = _search(tiny, 0, minutes_per_trial=1e-9)
    assert [m.name for m in found] == ["fp16"]  # nothing to finetune
    assert {t.user_attrs.get("failure") for t in _trials(file)[1:5]} == {"time_limit"}


def test_results_of_another_search_space_are_refused(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    _search(path, 0, Simulated())
    path.write_text(TOML.replace('"module"', '"block"'))
    with pytest.raises(UserError, match="holds results of another search space"):
        _search(path, 0, Simulated())


def test_a_second_driver_is_refused(tiny: Path) -> None:
    file = StudyFile.load(tiny)
    with pytest.raises(UserError, match="another hubits search works on this study"):
        search_study(file, RunContext(Simulated(), lambda _: _search(tiny, 0, Simulated()) and None, Stop()))


def test_checkpoints_that_no_better_wer_would_put_on_the_front_are_dropped(tiny: Path) -> None:
    file, found = _search(tiny, 6)
    kept = {p.stem for p in (file.folder / "checkpoints").iterdir()}
    assert {m.assignment.digest for m in {*front(found), *(m for m in found if m.baseline)}} <= kept
    values = np.array([m.objectives for m in found])
    doubted = dominated(values * (0.9, 1.0, 1.0), values)
    dropped = {m.assignment.digest for m, out in zip(found, doubted, strict=True) if out and not m.baseline}
    assert dropped.isdisjoint(kept)


@pytest.mark.slow
def test_killed_in_the_middle_and_started_again(tmp_path: Path) -> None:
    whole, _ = _search(write_study(tmp_path / "a"))
    path = write_study(tmp_path / "b")
    process = subprocess.Popen([sys.executable, "-m", "search", "search", str(path)], stderr=subprocess.DEVNULL)
    file = StudyFile.load(path)
    while process.poll() is None and len(list((file.folder / "results").glob("*.json"))) < 3:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    measured = {m.assignment for m in members(file, open_study(file, create=False))}
    assert measured
    parts, _ = _search(path)
    assert _values(parts) == _values(whole)
