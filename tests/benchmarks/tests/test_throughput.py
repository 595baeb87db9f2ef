"""The measures of throughput say what they should of speech that is quick or slow to read, by a clock of their own."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evaluators.data.batches import Batch
from evaluators.data.corpus import FileCorpus, seconds
from tests.benchmarks import throughput
from tests.benchmarks.throughput import scoring, speech, waiting

CPU = torch.device("cpu")
STEP = 0.5  # seconds of a step on the made-up clock, the wait for its batch aside


@dataclass
class Clock:
    """A clock that stands still but for what is said to take time."""

    now: float = 100.0
    waiting: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self) -> float:
        return self.now

    def wait(self, waiting: bool) -> None:
        """Say whether somebody waits for a batch; nothing is read while nobody does, as if reading were behind."""
        with self.changed:
            self.waiting = waiting
            self.changed.notify_all()

    def read(self, seconds: float) -> None:
        """Let a file take so long, all of it while somebody waits."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.waiting, timeout=600)
            self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made, load, loss = Clock(), throughput.loaded, throughput.distillation_loss

    def loaded(*arguments: Any) -> Iterator[Batch]:
        batches = load(*arguments)
        try:
            while True:
                made.wait(True)
                batch = next(batches)
                made.wait(False)
                yield batch
        finally:
            made.wait(True)  # what is still being read may end
            batches.close()  # type: ignore[attr-defined]

    def stepped(*arguments: Any) -> torch.Tensor:
        made.now += STEP
        return loss(*arguments)

    monkeypatch.setattr(throughput, "_now", made)
    monkeypatch.setattr(throughput, "loaded", loaded)
    monkeypatch.setattr(throughput, "distillation_loss", stepped)
    return made


def test_scoring_counts_all_of_the_speech(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, score = speech(tmp_path, 0.01), throughput.recognition_errors
    assert seconds(corpus) == pytest.approx(36, rel=0.5)

    def scored(*arguments: Any) -> object:
        clock.now += 4.0
        return score(*arguments)

    monkeypatch.setattr(throughput, "recognition_errors", scored)
    assert scoring(corpus, speech(tmp_path, 0.003), CPU) == pytest.approx(seconds(corpus) / 4)


@pytest.mark.parametrize("each", [0.0, 1.5])
def test_waiting_for_slow_files_is_seen(
    each: float, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, read, steps = speech(tmp_path, 0.02), FileCorpus.wave, 12

    def slowly(self: FileCorpus, index: int) -> np.ndarray:
        clock.read(each)
        return read(self, index)

    monkeypatch.setattr(FileCorpus, "wave", slowly)
    found = waiting(corpus, CPU, batch_seconds=5.0, steps=steps)  # a file a batch
    if not each:
        assert found["share"] == 0
        assert found["step_ms"] == 1000 * STEP
        return
    # batches that were under way before the first step that counts, and after the last: as many as threads read
    ahead = max(2, torch.get_num_threads()) + 1
    least, most = ((steps + sign * ahead) * each for sign in (-1, 1))
    assert least / (least + steps * STEP) <= found["share"] <= most / (most + steps * STEP)
    assert found["share"] > 0.6
    assert found["step_ms"] > 1000 * STEP
