"""The short finetune of a candidate."""

from pathlib import Path

import numpy as np

from evaluators.settings import FinetuneSettings
from evaluators.training.finetune import finetune_steps
from spaces import Precision
from tests.evaluators.tiny import ARCHITECTURE, SPACE, started_evaluator


def test_a_finetune_lowers_the_distillation_loss(tmp_path: Path) -> None:
    evaluator = started_evaluator(tmp_path, steps=30, batch_seconds=4, learning_rate=5e-3, ctc_weight=0)
    losses: list[float] = []
    evaluator.measure(SPACE.uniform(Precision.of(1, 1)), on_step=lambda _, loss: losses.append(loss))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_fewer_bits_may_get_more_steps() -> None:
    settings = FinetuneSettings(steps=10, low_bit_steps=20)
    steps = [finetune_steps(settings, ARCHITECTURE, SPACE.uniform(Precision.of(b, 8))) for b in (1, 2, 8)]
    assert steps == [30, 10, 10]
