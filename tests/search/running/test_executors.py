"""One contract for every executor, on the tiny study."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from search.running.executors import Executor, make_executor
from search.running.job import Job, MeasureJob, Outcome, ScoreJob
from search.running.ray_executor import RayExecutor
from search.study.layout import checkpoint_path, result_path
from search.study.records import read_result
from search.study.study_file import StudyFile
from spaces import Precision


@pytest.fixture(params=["inline", pytest.param("ray", marks=pytest.mark.slow)])
def executor(request: pytest.FixtureRequest, tiny: Path) -> Iterator[Executor]:
    settings = StudyFile.load(tiny).search.model_copy(update={"executor": request.param, "workers": 1})
    made = make_executor(settings)
    yield made
    made.close()


def _finish(executor: Executor) -> Outcome:
    for _ in range(120):
        if outcomes := executor.wait(1.0):
            return outcomes[0]
    raise TimeoutError


def _ready(executor: Executor) -> None:
    """Wait for the slot: a worker takes a moment to start."""
    for _ in range(120):
        if executor.free == 1:
            return
        assert executor.wait(1.0) == []
    raise TimeoutError


def test_contract(executor: Executor, tiny: Path) -> None:
    file = StudyFile.load(tiny)
    assignment = file.search_space.uniform(Precision.of(2, 2))
    assert executor.wait(0.01) == []
    assert executor.slots == 1
    _ready(executor)
    executor.submit(MeasureJob(number=7, study=file.shipped, assignment=assignment))
    assert executor.free == 0
    outcome = _finish(executor)
    _ready(executor)
    assert outcome.failure is None
    assert outcome.job.number == 7
    # the result is on disk as well, whole, before it comes back
    assert read_result(file, assignment) == outcome.result
    other = file.search_space.uniform(Precision.of(1, 1))
    assert read_result(file, other) is None
    result_path(file, other.digest).write_bytes(result_path(file, assignment.digest).read_bytes())
    assert read_result(file, other) is None  # it is another's
    result_path(file, other.digest).unlink()
    assert checkpoint_path(file, assignment.digest).exists()
    # the packed checkpoint that is kept scores what the trial scored
    _ready(executor)
    executor.submit(ScoreJob(number=7, study=file.shipped, assignment=assignment))
    tested = _finish(executor).result
    assert tested is not None
    assert outcome.result is not None
    assert tested["wer"] == outcome.result["wer"]
    # a failure comes back as one, and the executor takes the next job
    _ready(executor)
    gone = file.shipped.replace("speech.jsonl", "gone.jsonl")
    executor.submit(MeasureJob(number=8, study=gone, assignment=assignment))
    failed = _finish(executor)
    assert failed.failure == "input"
    assert "gone.jsonl" in failed.message
    _ready(executor)
    executor.submit(MeasureJob(number=9, study=file.shipped, assignment=assignment))
    again = _finish(executor).result
    assert again is not None
    assert again["errors"] == outcome.result["errors"]


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_worker_gets_no_more_than_its_share_of_the_gpus_memory(tiny: Path) -> None:
    file = StudyFile.load(tiny)
    settings = file.search.model_copy(update={"executor": "ray", "workers": 1, "gpus_per_trial": 0.25})

    def greedy(job: Job) -> Outcome:
        total = torch.cuda.get_device_properties(0).total_memory
        torch.empty(int(job.number / 100 * total), dtype=torch.uint8, device="cuda")
        return Outcome(job, {})

    executor = RayExecutor(settings, work=greedy)
    try:
        _ready(executor)
        executor.submit(Job(number=10, study=file.shipped))  # percent of the GPU's memory
        assert _finish(executor).failure is None
        _ready(executor)
        executor.submit(Job(number=50, study=file.shipped))
        assert "memory" in _finish(executor).message
    finally:
        executor.close()
