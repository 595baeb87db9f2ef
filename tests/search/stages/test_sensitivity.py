"""Sensitivities of the tiny study, for real: the same however many workers share them."""

from pathlib import Path

import pytest

from search.failures import ERROR, INPUT
from search.running.executors import InlineExecutor
from search.running.job import Job, Outcome, SensitivityJob
from search.running.worker import run
from search.stages.sensitivity import measure_sensitivity, sensitivity_stage, study_sensitivity, wer_stage
from search.stages.stage import Progress, RunContext, Stop
from search.study.sensitivities import Table, read_sensitivity
from search.study.study_file import StudyFile
from spaces import UserError
from tests.conftest import TOML


class Parts(InlineExecutor):
    """An executor that counts its jobs; it says that it has more workers than it has."""

    def __init__(self, slots: int = 1, fails: str | None = None) -> None:
        super().__init__(self._do)
        self.slots, self.jobs, self.fails = slots, list[SensitivityJob](), fails

    def _do(self, job: Job) -> Outcome:
        assert isinstance(job, SensitivityJob)
        self.jobs.append(job)
        if self.fails is not None and len(self.jobs) == 2:
            return Outcome(job, None, self.fails, "as the test wants it")
        return run(job)


def measured(file: StudyFile, executor: InlineExecutor | None = None) -> Table | None:
    return study_sensitivity(file, RunContext(executor or InlineExecutor(), lambda _: None, Stop()))


def test_it_is_zero_at_the_top_and_kept_for_the_report(tiny: Path) -> None:
    file, seen = StudyFile.load(tiny), list[tuple[int, int]]()

    def on_progress(progress: Progress) -> None:
        assert progress.stage == "sensitivity"
        seen.append((progress.done, progress.planned))

    table = study_sensitivity(file, RunContext(InlineExecutor(), on_progress, Stop()))
    assert table is not None
    assert {name: len(rungs) for name, rungs in table.items()} == file.search_space.variables
    assert all(rungs[-1] == 0 for rungs in table.values())
    assert sum(rungs[0] > rungs[-2] for rungs in table.values()) > len(table) / 2
    assert read_sensitivity(file) == table
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1] > 1


def test_it_is_measured_once_in_the_life_of_a_study_unless_asked_for(tiny: Path) -> None:
    file = StudyFile.load(tiny)
    first, again, anew = Parts(), Parts(), Parts()
    table = measured(file, first)
    assert measured(file, again) == table
    assert (len(first.jobs), len(again.jobs)) == (3, 0)
    assert sensitivity_stage(file, RunContext(anew, lambda _: None, Stop())) == table
    assert len(anew.jobs) == 3


def test_several_workers_find_the_same_each_choice_once(tiny: Path) -> None:
    file = StudyFile.load(tiny)
    executors = Parts(1), Parts(4)
    tables = [measure_sensitivity(file, RunContext(one, lambda _: None, Stop())) for one in executors]
    assert tables[0] == tables[1]
    assert list(tables[0] or {}) == list(file.search_space.variables)
    for executor in executors:
        names = [name for job in executor.jobs for name in job.names]
        assert sorted(names) == sorted(file.search_space.variables)
    assert len(executors[1].jobs) > len(executors[0].jobs)


def test_where_a_part_fails_nothing_is_kept_and_a_broken_input_is_told(tiny: Path) -> None:
    file = StudyFile.load(tiny)
    assert measured(file, Parts(fails=ERROR)) is None
    assert read_sensitivity(file) is None
    with pytest.raises(UserError, match="as the test wants it"):
        measured(file, Parts(fails=INPUT))
    assert measured(file) is not None


def test_in_wer_points(tiny: Path) -> None:
    tiny.write_text(TOML.replace('"module"', '"model"'))
    file = StudyFile.load(tiny)
    table = wer_stage(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    assert table is not None
    assert {name: len(rungs) for name, rungs in table.items()} == file.search_space.variables
    assert all(rungs[-1] == 0 for rungs in table.values())
    assert read_sensitivity(file) is None  # the search has a table of divergences alone
