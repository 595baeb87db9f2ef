"""What is tried again and how, and that jobs get the room they need."""

from collections import deque
from dataclasses import replace

import pytest

from search.running import retries
from search.running.dispatch import Finished, dispatch
from search.running.job import Job, MeasureJob, Outcome
from search.running.retries import next_attempt
from spaces import Assignment

JOB = MeasureJob(number=0, study="study.toml", assignment=Assignment({}))


class Scripted:
    """Answers each submission of a job with the next failure of a script, then with a result."""

    def __init__(self, script: dict[int, list[str]], slots: int = 2) -> None:
        self.slots = self.room = slots
        self._script = {k: deque(v) for k, v in script.items()}
        self._taken: list[Job] = []
        self.submitted: list[Job] = []

    @property
    def free(self) -> int:
        return 0 if any(j.room > 1 for j in self._taken) else self.slots - len(self._taken)

    def submit(self, job: Job) -> None:
        assert self.free
        self._taken.append(job)
        self.submitted.append(job)

    def wait(self, seconds: float) -> list[Outcome]:
        if not self._taken:
            return []
        job = self._taken.pop(0)
        script = self._script.get(job.number)
        return [Outcome(job, None, script.popleft(), "scripted") if script else Outcome(job, {"wer": 1.0})]

    def close(self) -> None:
        self._taken.clear()


def _run(executor: Scripted, jobs: int, stop_after: int = 10**9) -> list[Finished]:
    waiting = [replace(JOB, number=n) for n in reversed(range(jobs))]
    found: list[Finished] = []
    for one in dispatch(
        executor,
        lambda: waiting.pop() if waiting else None,
        lambda: len(executor.submitted) >= stop_after,
        lambda _: None,
    ):
        found.append(one)
    return found


def test_out_of_memory_halves_the_batch_and_then_takes_more_of_the_machine() -> None:
    executor = Scripted({0: ["out_of_memory"] * 3})
    found = _run(executor, 3)
    tried = [(j.accumulation, j.room) for j in executor.submitted if j.number == 0]
    assert tried == [(1, 1), (2, 1), (4, 1), (4, 2)]
    assert {f.outcome.job.number for f in found} == {0, 1, 2}
    assert all(f.outcome.result for f in found)
    assert next(f for f in found if f.outcome.job.number == 0).failures == ("out_of_memory",) * 3


def test_it_gives_up_where_no_more_room_is_to_be_had() -> None:
    found = _run(Scripted({0: ["out_of_memory"] * 9}, slots=1), 1)
    assert [f.outcome.failure for f in found] == ["out_of_memory"]
    assert found[0].failures == ("out_of_memory",) * 2


def test_lost_workers_cost_nothing_up_to_a_bound() -> None:
    assert _run(Scripted({0: ["worker_lost"] * 5}), 1)[0].outcome.result
    assert _run(Scripted({0: ["worker_lost"] * 6}), 1)[0].outcome.failure == "worker_lost"


def test_a_shared_disk_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PAUSES", (0.0, 0.01, 0.0))
    found = _run(Scripted({0: ["storage_hiccup"] * 3}, slots=1), 2)
    assert {f.outcome.job.number for f in found if f.outcome.result} == {0, 1}  # others go on meanwhile
    assert next(f for f in found if f.outcome.job.number == 0).failures == ("storage_hiccup",) * 3
    assert _run(Scripted({0: ["storage_hiccup"] * 4}), 1)[0].outcome.failure == "storage_hiccup"


@pytest.mark.parametrize("kind", ["error", "diverged", "time_limit", "input", "disk_full", "storage"])
def test_what_would_fail_again_fails_at_once(kind: str) -> None:
    assert next_attempt(JOB, [kind], 4) is None


def test_a_stop_ends_what_waits_for_another_attempt() -> None:
    executor = Scripted({0: ["worker_lost"]}, slots=1)
    found = _run(executor, 3, stop_after=1)
    assert [(f.outcome.job.number, f.outcome.failure) for f in found] == [(0, "interrupted")]
    assert len(executor.submitted) == 1
