"""Processes that share batches: what each is given, how their tensors add up."""

from itertools import islice
from pathlib import Path

import torch

from evaluators.data.augment import augmented_batches
from evaluators.data.manifest import read_manifest
from evaluators.training.ranks import ALONE
from tests.conftest import write_speech
from tests.evaluators.tiny import VOCABULARY


def test_parts_hold_each_utterance_of_a_batch_once_at_the_same_speed(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    streams = [
        augmented_batches(corpus, VOCABULARY, torch.device("cpu"), seconds=4, most=0.2, seed=3, part=part)
        for part in ((0, 1), (0, 2), (1, 2))
    ]
    shared = 0
    for whole, *parts in islice(zip(*streams, strict=True), 4):
        indices = [i for p in parts for i in p.indices]
        assert sorted(indices) == sorted(whole.indices)
        lengths = dict(zip(whole.indices, whole.mask.sum(1).tolist(), strict=True))
        assert [lengths[i] for i in indices] == [n for p in parts for n in p.mask.sum(1).tolist()]
        shared += len(whole.indices)
    assert shared > 4


def test_alone_nothing_is_added() -> None:
    tensor = torch.ones(3)
    assert ALONE.total(tensor) is tensor
    ALONE.add_gradients([torch.nn.Parameter(tensor)])
