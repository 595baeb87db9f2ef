"""Memory of a finetune, counted: against what real tensors take, and what a step of HuBERT's sizes is known to take."""

import pytest
import torch
from transformers import HubertConfig

from evaluators import memory
from evaluators.memory import StepMemory, count_step_memory
from evaluators.models.families import build
from evaluators.quantization.insert import insert_quantizers, set_precisions
from evaluators.settings import FinetuneSettings
from evaluators.training.losses import teacher_of
from spaces import Precision, SearchSpace, ctc_config, named_architecture
from spaces.assignment import Assignment
from tests.evaluators.tiny import ARCHITECTURE, CONFIG

LAYERS = ARCHITECTURE.layers
SETTINGS = FinetuneSettings(ctc_weight=0.0)


def _count(name: str, precision: str) -> StepMemory:
    groups = ("attention", "products", "feed_forward")
    space = SearchSpace(named_architecture(name), groups=groups, weight_bits=(1, 2, 16), activation_bits=(1, 2, 16))
    assignment = space.uniform(Precision.parse(precision))
    return count_step_memory(HubertConfig(**ctc_config(name)), space.layers, assignment, SETTINGS)


def test_what_is_kept_of_fakes_is_what_is_kept_of_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluators.models.forward.arithmetic", lambda _: torch.float32)
    assignment = Assignment.uniform(LAYERS, Precision.of(2, 2))
    student, teacher = build(CONFIG, 0).eval(), build(CONFIG, 0).eval()
    insert_quantizers(student, LAYERS, [assignment])
    set_precisions(student, LAYERS, assignment)
    teach = teacher_of(teacher, SETTINGS)
    one, two = (memory._kept(student, memory._silence(n), teach, SETTINGS) for n in (1, 2))
    counted = count_step_memory(CONFIG, LAYERS, assignment, SETTINGS)
    assert counted.a_second == pytest.approx(
        (two - one) / 10e9, rel=0.05
    )  # but for logits of frames that are no padding


@pytest.mark.parametrize(("name", "least", "most"), [("hubert-base", 10, 14), ("hubert-large", 26, 33)])
def test_hubert_at_80_seconds(name: str, least: float, most: float) -> None:
    quantized = _count(name, "w2a2")
    assert least < quantized.of(80) < most
    assert quantized.of(quantized.fits(40)) <= 36 < quantized.of(quantized.fits(40) + 1)


def test_a_card_too_small_for_the_weights_fits_nothing() -> None:
    assert StepMemory(fixed=30, a_second=0.1).fits(24) == 0
