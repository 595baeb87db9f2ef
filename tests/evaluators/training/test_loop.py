"""The training loop: its schedule, and a loss that is no number."""

import pytest
import torch

from evaluators.errors import DivergedError
from evaluators.training.loop import cosine, optimise


def test_cosine_schedule() -> None:
    assert cosine(0, 100, 0.1) == pytest.approx(1 / 11)
    assert cosine(10, 100, 0.1) == 1
    assert cosine(55, 100, 0.1) == pytest.approx(0.5)
    assert cosine(100, 100, 0.1) == pytest.approx(0, abs=1e-12)


def test_a_loss_that_is_no_number_stops_the_finetune() -> None:
    module = torch.nn.Linear(2, 1)
    with pytest.raises(DivergedError, match="at step 1"):
        optimise(
            module, lambda _: [module(torch.full((1, 2), torch.nan)).sum()], steps=3, learning_rate=0.1, warmup=0.0
        )
