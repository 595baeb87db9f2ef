"""Training of SUPERB's head: it learns, and nothing else does."""

from pathlib import Path

import pytest
import torch

from evaluators.data.manifest import read_manifest
from evaluators.training.superb_head import train_head
from tests.conftest import write_speech
from tests.evaluators.tiny import SUPERB, VOCABULARY, headed_tiny


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_only_the_head_learns_and_it_does(norm: str, tmp_path: Path) -> None:
    corpus, model = read_manifest(write_speech(tmp_path)), headed_tiny(norm)
    before = {k: v.clone() for k, v in model.speech.state_dict().items()}
    losses: list[float] = []
    train_head(model, VOCABULARY, corpus, SUPERB, on_step=lambda _, loss: losses.append(loss))
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert all(torch.equal(v, before[k]) for k, v in model.speech.state_dict().items())
    assert not model.training
    assert (model.head.weights != 0).any()
