"""The training of float model and supernet: parts of a batch, a frozen front end, SpecAugment."""

from pathlib import Path

import pytest
import torch
from transformers import HubertConfig

from evaluators.data.manifest import read_manifest
from evaluators.data.vocabulary import POCKET_TOKENS, Vocabulary
from evaluators.models.families import build
from evaluators.settings import FloatSettings, SupernetSettings
from evaluators.training.float_model import train_float
from evaluators.training.supernet import train_supernet
from spaces import Architecture
from tests.conftest import TINY, write_speech

CONFIG = HubertConfig(**TINY)
VOCABULARY = Vocabulary(POCKET_TOKENS)
LAYERS = Architecture(CONFIG.to_dict()).layers


@pytest.mark.parametrize("which", ["float", "supernet"])
def test_parts_of_a_batch_train_like_the_whole(which: str, tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    trained = []
    for parts in (1, 3):
        model, said = build(CONFIG, 1), {"steps": 3, "learning_rate": 1e-3, "batch_seconds": 4, "accumulation": parts}
        resume = tmp_path / f"{which}{parts}"
        if which == "float":
            train_float(model, VOCABULARY, corpus, FloatSettings(**said), resume=resume)  # type: ignore[arg-type]
        else:
            settings = SupernetSettings(**said)  # type: ignore[arg-type]
            train_supernet(model, build(CONFIG, 1), VOCABULARY, corpus, LAYERS, settings, resume=resume)
        trained.append(model.state_dict())
    start = build(CONFIG, 1).state_dict()
    name = "hubert.encoder.layers.0.feed_forward.intermediate_dense.weight"
    moved = (trained[0][name] - start[name]).abs().max()
    assert moved > 5e-4
    apart = (trained[0][name] - trained[1][name]).abs()
    assert apart.mean() < moved / 20  # a quantized value on an edge may fall to either side


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
