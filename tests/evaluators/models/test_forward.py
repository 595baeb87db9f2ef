"""What padding does not change, and what a GPU says."""

from pathlib import Path

import pytest
import torch
from transformers import HubertConfig

from evaluators.data.batches import Batch, collate
from evaluators.data.manifest import read_manifest
from evaluators.models.families import build
from evaluators.models.forward import frames, logits
from evaluators.quantization.insert import set_precisions
from spaces import Precision
from tests.conftest import write_speech
from tests.evaluators.tiny import SPACE, VOCABULARY, quantized_tiny


def test_padding_does_not_change_what_is_heard(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    model = quantized_tiny(collate(corpus, VOCABULARY, (0, 1))).eval()
    set_precisions(model, SPACE.layers, SPACE.uniform(Precision.of(2, 2)))
    alone, padded = (collate(corpus, VOCABULARY, i) for i in ((0,), (0, 5)))
    with torch.inference_mode():
        length = int(frames(model, alone)[0])
        a, b = logits(model, alone)[0, :length], logits(model, padded)[0, :length]
    assert (a - b).abs().max() < 0.05 * a.abs().max()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_hubert_base_says_on_a_gpu_what_it_says_on_a_cpu(batch: Batch) -> None:
    model = build(HubertConfig(vocab_size=len(VOCABULARY)), 1).eval()
    with torch.inference_mode():
        here = model(batch.audio, attention_mask=batch.mask).logits
        there = batch.to(torch.device("cuda"))
        assert torch.allclose(model.cuda()(there.audio, attention_mask=there.mask).logits.cpu(), here, atol=2e-2)
