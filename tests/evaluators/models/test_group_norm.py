"""HuBERT Base's group norm over each utterance's own frames."""

import copy
from pathlib import Path

import numpy as np
import torch
from transformers import HubertConfig, HubertForCTC

from evaluators.data.batches import collate
from evaluators.data.manifest import read_manifest
from evaluators.models.families import build
from evaluators.models.forward import frames
from tests.conftest import TINY, write_speech
from tests.evaluators.tiny import VOCABULARY


def test_padding_is_not_heard_through_hubert_bases_group_norm_either(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    config = HubertConfig(**{**TINY, "feat_extract_norm": "group", "do_stable_layer_norm": False})
    model = build(config, 1).eval()
    padded = collate(corpus, VOCABULARY, (0, 5))
    theirs = HubertForCTC(config).eval()
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
