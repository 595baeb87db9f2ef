"""A finetune's forward pass and loss on "cuda" where there is no GPU: torch's fake tensors walk it and compute nothing.

They find what would fail there: a tensor left on the CPU, a type that autocast does not mix, a shape. The CTC loss has
no fake kernel, and a backward pass wants a driver: of both the tests marked ``gpu`` are the only ones.
"""

import pytest
import torch
from transformers import HubertConfig

from evaluators.data.batches import Batch
from evaluators.memory import fake_gpu
from evaluators.models.families import build
from evaluators.models.forward import mixed_precision
from evaluators.quantization.insert import insert_quantizers, ladder_assignments, set_precisions
from evaluators.settings import FinetuneSettings
from evaluators.training.losses import distillation_loss, teacher_of, totals
from spaces import Precision, SearchSpace, ctc_config, named_architecture
from spaces.precision import bit_format

GROUPS = ("attention", "products", "feed_forward", "front_end", "position", "projection")
BITS = (1, 2, 4, 8, 16)
SETTINGS = FinetuneSettings(ctc_weight=0.0, block_weight=1.0, attention_weight=1.0)
SAMPLES, UTTERANCES = 32_000, 3


def _batch() -> Batch:
    text = torch.zeros(UTTERANCES * 20, dtype=torch.long)
    mask = torch.ones(UTTERANCES, SAMPLES, dtype=torch.long)
    return Batch(torch.zeros(UTTERANCES, SAMPLES), mask, text, torch.full((UTTERANCES,), 20), (0, 1, 2))


@pytest.mark.parametrize("name", ["hubert-base", "hubert-large"])
def test_a_candidates_loss_is_walked_on_cuda(name: str) -> None:
    space = SearchSpace(named_architecture(name), groups=GROUPS, weight_bits=BITS, activation_bits=BITS)
    formats = [bit_format(bits) for bits in BITS[:-1]]
    # the mask's embedding is made by a constructor that knows no default device
    config = HubertConfig(**ctc_config(name) | {"mask_time_prob": 0.0, "mask_feature_prob": 0.0})
    with fake_gpu():
        teacher, student = (build(config, 0).eval() for _ in range(2))
        insert_quantizers(student, space.layers, ladder_assignments(space.layers, formats))
        batch = _batch()
        target = teacher_of(teacher, SETTINGS)(batch)
        assert {t.device.type for t in (target.logits, *target.blocks, *target.attentions)} == {"cuda"}
        for precision in ("w1a1", "w2a2", "w4a8"):
            set_precisions(student, space.layers, space.uniform(Precision.parse(precision)))
            loss = distillation_loss(student, batch, target, SETTINGS, totals(student, batch, target))
            with mixed_precision(batch.audio.device):
                assert student.lm_head(torch.zeros(1, student.config.hidden_size)).dtype == torch.bfloat16
            assert (loss.device.type, loss.dtype, loss.shape) == ("cuda", torch.float32, ())
