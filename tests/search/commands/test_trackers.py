"""What a tracker is told of a search."""

import os
from collections import defaultdict
from pathlib import Path

import pytest

from search.study.snapshot import measured_candidates
from search.study.study_file import StudyFile
from tests.command_line import hubits, one_line


def test_tensorboard_has_every_trial(tiny: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    assert hubits("search", tiny, "--trials", "1", "--tracker", "tensorboard").returncode == 0
    file = StudyFile.load(tiny)
    events = reader.EventAccumulator(str(file.folder / "tensorboard")).Reload()
    for key, attribute in (("wer", "error"), ("storage_mb", "storage_mb"), ("runtime", "runtime")):
        told = {event.step: event.value for event in events.Scalars(key)}
        assert told == {m.number: pytest.approx(getattr(m, attribute)) for m in measured_candidates(file)}
    volumes = [event.value for event in events.Scalars("hypervolume")]
    assert volumes == sorted(volumes)


@pytest.mark.slow
def test_mlflow_has_a_run_of_the_study(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tiny.parent / 'mlflow.db'}")
    assert hubits("search", tiny, "--trials", "1", "--tracker", "mlflow").returncode == 0
    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    (run,) = client.search_runs([client.get_experiment_by_name("tiny").experiment_id])
    told: dict[int, float] = defaultdict(float)
    for metric in client.get_metric_history(run.info.run_id, "storage_mb"):
        told[metric.step] = metric.value
    assert told == {m.number: pytest.approx(m.storage_mb) for m in measured_candidates(StudyFile.load(tiny))}
    assert run.data.params["sampler"] == "hubits"
    assert run.info.status == "FINISHED"


def test_another_name_is_refused_with_the_nearest(tiny: Path) -> None:
    assert "'tensorbord' is no tracker" in one_line(hubits("search", tiny, "--tracker", "tensorbord"))
