"""The measures of throughput say what they should of speech that is quick or slow to read."""

import time
from pathlib import Path

import pytest
import torch

from evaluators.data.corpus import FileCorpus, seconds
from tests.benchmarks.throughput import scoring, speech, waiting

CPU = torch.device("cpu")


def test_scoring_counts_all_of_the_speech(tmp_path: Path) -> None:
    corpus = speech(tmp_path, 0.01)
    assert seconds(corpus) == pytest.approx(36, rel=0.5)
    started = time.perf_counter()
    times = scoring(corpus, speech(tmp_path, 0.003), CPU)
    assert times >= seconds(corpus) / (time.perf_counter() - started)


def test_waiting_for_slow_files_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = speech(tmp_path, 0.02)
    read = FileCorpus.wave
    monkeypatch.setattr(FileCorpus, "wave", lambda self, i: (time.sleep(1.5), read(self, i))[1])
    assert waiting(corpus, CPU, batch_seconds=5.0, steps=3)["share"] > 0.3
