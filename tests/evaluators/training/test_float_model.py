"""Training of the float model: resume points, parts of a batch, a frozen front end, SpecAugment."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import HubertConfig

from evaluators.data.manifest import read_manifest
from evaluators.models.families import build
from evaluators.settings import FloatSettings
from evaluators.training.float_model import train_float
from tests.conftest import TINY, write_speech
from tests.evaluators.tiny import CONFIG, VOCABULARY


def test_float_training_lowers_the_loss_and_goes_on_from_its_resume_point(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    settings = FloatSettings(steps=30, learning_rate=5e-3, batch_seconds=4, save_every=10)
    losses: dict[int, float] = {}
    train_float(build(CONFIG, 0), VOCABULARY, corpus, settings, resume=tmp_path / "a", on_step=losses.__setitem__)
    assert np.mean([losses[i] for i in range(26, 31)]) < 0.7 * np.mean([losses[i] for i in range(1, 6)])
    again: dict[int, float] = {}

    def stop(step: int, loss: float) -> None:
        again[step] = loss
        if step == 12:
            raise KeyboardInterrupt

    resume = tmp_path / "b"
    with pytest.raises(KeyboardInterrupt):
        train_float(build(CONFIG, 0), VOCABULARY, corpus, settings, resume=resume, on_step=stop)
    train_float(build(CONFIG, 0), VOCABULARY, corpus, settings, resume=resume, on_step=again.__setitem__)
    assert set(again) == set(losses)


def test_a_frozen_front_end_stays_as_it_is(tmp_path: Path) -> None:
    corpus, model = read_manifest(write_speech(tmp_path)), build(CONFIG, 1)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    settings = FloatSettings(steps=2, learning_rate=1e-2, batch_seconds=4, frozen_front_end=True)
    train_float(model, VOCABULARY, corpus, settings, resume=tmp_path / "resume")
    same = {k for k, v in model.state_dict().items() if torch.equal(v, before[k])}
    assert {k for k in before if "feature_extractor" in k} <= same
    assert "lm_head.weight" not in same


@pytest.mark.parametrize("masked", [True, False])
def test_spec_augment_is_the_configs(masked: bool, tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    share = {"mask_time_prob": 0.3, "mask_time_length": 2, "mask_time_min_masks": 1}
    model = build(HubertConfig(**{**TINY, **share, "apply_spec_augment": masked}), 1)
    before = model.hubert.masked_spec_embed.detach().clone()
    train_float(
        model, VOCABULARY, corpus, FloatSettings(steps=1, learning_rate=1e-2, batch_seconds=4, weight_decay=0.0),
        resume=tmp_path / "resume",
    )  # fmt: skip
    assert torch.equal(model.hubert.masked_spec_embed, before) != masked
