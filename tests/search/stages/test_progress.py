"""What a search tells while it runs."""

from pathlib import Path

from search.front.pareto import front
from search.stages.run import search_study
from search.stages.stage import Progress, RunContext, Stop
from search.study.snapshot import read_snapshot
from search.study.study_file import StudyFile
from tests.search.stages.test_driver import Simulated


def test_progress_tells_what_is_left(tiny: Path) -> None:
    seen: list[tuple[int, int, int]] = []
    file = StudyFile.load(tiny)
    seen_by = [lambda p: seen.append((p.done, p.running, p.planned)) if p.stage == "search" else None]
    search_study(file, RunContext(Simulated(), seen_by[0], Stop()))
    assert seen[0] == (0, 0, 8)
    assert (8, 0, 8) in seen
    assert Progress(10, done=4, seconds=[2.0, 4.0], workers=2).seconds_left == 9.0


def test_progress_tells_what_came_of_each_trial_and_what_is_under_way(tiny: Path) -> None:
    last: list[Progress] = []
    busy: set[str] = set()

    def look(progress: Progress) -> None:
        last[:] = [progress]
        busy.update(one.name for one in progress.busy)

    file = StudyFile.load(tiny).with_search({"sampler": "random"})
    found = search_study(file, RunContext(Simulated(fail={6: "diverged"}), look, Stop()))
    (progress,) = last
    told = {one.name: one for one in progress.told}
    assert {m.name: m.objectives for m in found} == {n: one.values for n, one in told.items() if one.values is not None}
    assert [one.failure for one in progress.told if one.values is None] == ["diverged"]
    assert busy == set(told)
    assert not progress.busy
    assert sorted(progress.front) == sorted(m.objectives for m in front(found))


def test_those_who_watch_get_a_copy_while_it_runs(tiny: Path) -> None:
    file = StudyFile.load(tiny)
    seen: list[int] = []

    def look(progress: Progress) -> None:
        copied = read_snapshot(file)
        seen.append(-1 if copied is None else len(copied[0]))

    search_study(file, RunContext(Simulated(), look, Stop()))
    assert seen[0] == -1
    assert any(0 < n < 8 for n in seen)
