"""The training loop: its schedule, and losses that are no numbers."""

import pytest
import torch

from evaluators.errors import DivergedError
from evaluators.training.loop import cosine, optimise


def test_cosine_schedule() -> None:
    assert cosine(0, 100, 0.1) == pytest.approx(1 / 11)
    assert cosine(10, 100, 0.1) == 1
    assert cosine(55, 100, 0.1) == pytest.approx(0.5)
    assert cosine(100, 100, 0.1) == pytest.approx(0, abs=1e-12)


def _train(scales: list[float]) -> tuple[torch.Tensor, list[int]]:
    """Weights after a step for each scale of the loss, and the steps that were told."""
    torch.manual_seed(0)
    module, told = torch.nn.Linear(2, 1), []
    optimise(
        module, lambda step: [module(torch.full((1, 2), scales[step])).sum()], steps=len(scales), learning_rate=0.1,
        warmup=None, on_step=lambda step, _: told.append(step),
    )  # fmt: skip
    return module.weight.detach(), told


@pytest.mark.parametrize("scales", [[1.0, torch.nan, torch.nan, torch.nan, 1.0], [1.0, 1.0, 1.0, torch.nan]])
def test_losses_that_are_no_numbers_stop_a_training(scales: list[float]) -> None:
    with pytest.raises(DivergedError, match="at step 4"):
        _train(scales)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_rare_one_is_left_out(bad: float) -> None:
    weights, told = _train([1.0, bad, bad, 1.0])
    assert told == [1, 4]
    assert torch.equal(weights, _train([1.0, 1.0])[0])
