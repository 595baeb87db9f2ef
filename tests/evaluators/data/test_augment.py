"""Speech at changing speed."""

from itertools import islice
from pathlib import Path

import torch

from evaluators.data.augment import augmented_batches
from evaluators.data.batches import Batch, collate
from evaluators.data.manifest import read_manifest
from tests.conftest import write_speech
from tests.evaluators.tiny import VOCABULARY


def test_what_is_skipped_changes_nothing_in_what_follows(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))

    def some(skip: int) -> list[Batch]:
        batches = augmented_batches(
            corpus, VOCABULARY, torch.device("cpu"), seconds=2.0, most=0.1, seed=0, skip=skip
        )  # fmt: skip
        return list(islice(batches, 4 - skip))

    whole, rest = some(0), some(2)
    assert all(torch.equal(a.audio, b.audio) for a, b in zip(whole[2:], rest, strict=True))
    assert not torch.equal(rest[0].mask.sum(), collate(corpus, VOCABULARY, rest[0].indices).mask.sum())
