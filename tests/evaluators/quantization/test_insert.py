"""Quantizers in a HuBERT: off they change nothing, on they change what they should."""

import pytest
import torch

from evaluators.data.batches import Batch
from evaluators.models.families import build
from evaluators.models.forward import logits
from evaluators.quantization.insert import set_precisions
from spaces import Precision
from tests.evaluators.tiny import CONFIG, SPACE, quantized_tiny


def test_quantizers_that_are_off_change_nothing(batch: Batch) -> None:
    plain, quantized = build(CONFIG, seed=1).eval(), quantized_tiny(batch).eval()
    with torch.inference_mode():
        assert torch.equal(logits(plain, batch), logits(quantized, batch))


@pytest.mark.parametrize("precision", ["w1a16", "w16a1", "w1a1", "w2a2", "w4a4", "w8a8"])
def test_quantizers_that_are_on_change_the_outputs(batch: Batch, precision: str) -> None:
    model = quantized_tiny(batch).eval()
    with torch.inference_mode():
        before = logits(model, batch)
        set_precisions(model, SPACE.layers, SPACE.uniform(Precision.parse(precision)))
        assert not torch.equal(logits(model, batch), before)


def test_more_bits_are_nearer_to_the_float_model(batch: Batch) -> None:
    model = quantized_tiny(batch).eval()
    with torch.inference_mode():
        exact = logits(model, batch)
        errors = []
        for bits in (2, 4, 8):
            set_precisions(model, SPACE.layers, SPACE.uniform(Precision.of(bits, bits)))
            errors.append(float((logits(model, batch) - exact).square().mean()))
    assert errors == sorted(errors, reverse=True)
