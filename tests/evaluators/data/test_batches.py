"""Batches: whole, in budget, in order, however they are loaded."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluators.data.batches import collate, loaded, pack, scoring_batches, training_batches
from evaluators.data.manifest import read_manifest
from spaces import UserError
from spaces.architecture import SAMPLE_RATE
from tests.conftest import write_speech
from tests.evaluators.tiny import VOCABULARY


@given(st.lists(st.integers(1, 50_000), min_size=1, max_size=60), st.floats(0.1, 5))
def test_batches_hold_every_utterance_once_within_the_budget(lengths: list[int], seconds: float) -> None:
    batches = pack(np.argsort(lengths), np.array(lengths), seconds)
    assert sorted(i for b in batches for i in b) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= seconds * SAMPLE_RATE


def test_training_batches_repeat_with_their_seed(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    first, again, other = (training_batches(corpus, 2.0, seed) for seed in (1, 1, 2))
    draws = [[next(stream) for _ in range(30)] for stream in (first, again, other)]
    assert draws[0] == draws[1] != draws[2]


def test_collate_normalises_and_masks(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    batch = collate(corpus, VOCABULARY, scoring_batches(corpus, 100)[0])
    assert batch.mask.sum(-1).tolist() == sorted(corpus.samples, reverse=True)
    for row, mask in zip(batch.audio, batch.mask.bool(), strict=True):
        assert row[mask].mean().abs() < 1e-4
        assert row[mask].std().item() == pytest.approx(1, abs=1e-3)
        assert (row[~mask] == 0).all()
    assert len(batch.targets) == int(batch.lengths.sum())


def test_batches_come_loaded_and_in_order_however_many_threads_load_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    wanted = list(islice(training_batches(corpus, 2.0, 1), 12))
    found = list(loaded(corpus, VOCABULARY, iter(wanted), torch.device("cpu")))
    assert [b.indices for b in found] == wanted
    for batch in found:
        assert torch.equal(batch.audio, collate(corpus, VOCABULARY, batch.indices).audio)


def test_a_broken_file_is_named_by_the_batch_that_wants_it(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    (tmp_path / "3.wav").write_bytes(b"RIFF")
    with pytest.raises(UserError, match=r"3\.wav"):
        list(loaded(corpus, VOCABULARY, iter([(0, 1), (2, 3)]), torch.device("cpu")))
