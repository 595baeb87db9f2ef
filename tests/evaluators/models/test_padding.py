"""An utterance in a batch is what it is alone."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Data2VecAudioConfig, Data2VecAudioForCTC, HubertConfig, HubertForCTC, PreTrainedConfig

from evaluators.data.batches import collate
from evaluators.data.manifest import read_manifest
from evaluators.models.families import build
from evaluators.models.forward import frames
from evaluators.quantization.insert import calibrate, insert_quantizers, set_precisions
from spaces import Architecture, Assignment, Precision
from tests.conftest import TINY, TINY_DATA2VEC, write_speech
from tests.evaluators.tiny import VOCABULARY


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (HubertConfig(**{**TINY, "feat_extract_norm": "group", "do_stable_layer_norm": False}), HubertForCTC),
        (Data2VecAudioConfig(**TINY_DATA2VEC), Data2VecAudioForCTC),
    ],
    ids=["through HuBERT Base's group norm", "through data2vec's positions"],
)
def test_padding_is_not_heard(tmp_path: Path, config: PreTrainedConfig, kind: Any) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    model = build(config, 1).eval()
    padded = collate(corpus, VOCABULARY, (0, 5))
    theirs = kind(config).eval()
    theirs.load_state_dict(model.state_dict())
    with torch.inference_mode():  # in float32
        together, lengths = model(padded.audio, attention_mask=padded.mask).logits, frames(model, padded).tolist()
        for row, index in enumerate((0, 5)):
            alone = collate(corpus, VOCABULARY, (index,))
            own = theirs(alone.audio).logits  # transformers' own
            assert torch.allclose(model(alone.audio, attention_mask=alone.mask).logits, own, atol=1e-5)
            assert torch.allclose(together[row, : lengths[row]], own[0], atol=1e-5)
        unmasked = theirs(padded.audio).logits
        copied = copy.deepcopy(model)  # a recipe's student
        assert torch.equal(copied(padded.audio, attention_mask=padded.mask).logits, together)
    short = int(np.argmin(lengths))
    assert not torch.allclose(together[short, : lengths[short]], unmasked[short, : lengths[short]], atol=1e-3)


@pytest.mark.parametrize("width", ["w1a1", "w2a2", "w4a4"])
@pytest.mark.parametrize(
    "config", [HubertConfig(**TINY), Data2VecAudioConfig(**TINY_DATA2VEC)], ids=["hubert", "stack"]
)
def test_padding_is_not_heard_when_it_is_rounded_either(tmp_path: Path, config: PreTrainedConfig, width: str) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    layers = [layer for layer in Architecture(config.to_dict()).layers if layer.group == "position"]
    model, row = build(config, 1).eval(), Assignment.uniform(layers, Precision.parse(width))
    padded, alone = (collate(corpus, VOCABULARY, some) for some in ((0, 5), (0,)))
    insert_quantizers(model, layers, [row])
    calibrate(model, padded)
    set_precisions(model, layers, row)
    with torch.inference_mode():
        together = model(padded.audio, attention_mask=padded.mask).logits
        own = model(alone.audio).logits
    # an ulp may tip a value over a threshold; silence that is none would reach every frame at the end
    assert np.quantile(np.abs(together[0, : own.shape[1]] - own[0]), 0.9) < 1e-4
