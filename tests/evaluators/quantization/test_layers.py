"""Quantized layers and attention products: which operand, which gradient."""

import torch

from evaluators.data.batches import Batch
from evaluators.models.forward import logits
from evaluators.quantization.insert import set_precisions
from spaces import Assignment, Precision
from tests.evaluators.tiny import SPACE, quantized_tiny


def test_each_product_is_quantized_on_its_own(batch: Batch) -> None:
    model = quantized_tiny(batch).eval()
    results = []
    with torch.inference_mode():
        for layer in ("block0.products.scores", "block0.products.context", "block1.products.context"):
            set_precisions(model, SPACE.layers, Assignment({layer: Precision.of(1, 1)}))
            results.append(logits(model, batch))
    assert not torch.equal(results[0], results[1])
    assert not torch.equal(results[1], results[2])


def test_gradients_reach_every_scale_that_is_used_and_no_other(batch: Batch) -> None:
    model = quantized_tiny(batch)
    set_precisions(model, SPACE.layers, SPACE.uniform(Precision.of(2, 4)))
    logits(model, batch).square().mean().backward()
    for name, parameter in model.named_parameters():
        if "quantizer" in name and not (".layers.1." in name and "query" in name):
            used = name.endswith(".2") if "weight_quantizer" in name else name.endswith("log_scale.4")
            assert (parameter.grad is not None) == used, name
