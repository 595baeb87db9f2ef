"""Shrunken WERs: nearer to the truth than the measured ones, and no further from them than they should be."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from search.shrinkage import shrink


def _measured(seed: int, count: int, noise: float, misfit: float) -> tuple[np.ndarray, ...]:
    """True log WERs that follow a loss but for a misfit, and what a noisy measurement makes of them."""
    rng = np.random.default_rng(seed)
    loss = rng.uniform(0.05, 0.5, count)
    truth = 3.0 + np.log(loss) + misfit * rng.standard_normal(count)
    wer = np.exp(truth + noise * rng.standard_normal(count))
    spread = 2 * 3.92 * noise * wer / 2  # paired: half of each one's own interval is common to all
    return truth, wer, wer - spread, wer + spread, loss


def test_they_are_nearer_to_the_truth_where_the_loss_tells_more_than_the_wer() -> None:
    before, after = [], []
    for seed in range(20):
        truth, wer, low, high, loss = _measured(seed, 40, noise=0.1, misfit=0.02)
        before.append(np.abs(np.log(wer) - truth).mean())
        after.append(np.abs(shrink(wer, low, high, loss).mean - truth).mean())
    assert np.mean(after) < 0.5 * np.mean(before)


def test_a_wer_without_noise_stays_where_it_is() -> None:
    truth, wer, low, high, loss = _measured(0, 40, noise=1e-6, misfit=0.3)
    assert np.allclose(shrink(wer, low, high, loss).mean, truth, atol=0.02)


@given(st.integers(0, 1000))
def test_an_estimate_lies_between_what_was_measured_and_what_the_loss_foretells(seed: int) -> None:
    _, wer, low, high, loss = _measured(seed, 12, noise=0.1, misfit=0.1)
    found = shrink(wer, low, high, loss)
    assert (found.deviation > 0).all()
    certain = shrink(wer, wer, wer, loss)
    assert np.abs(found.mean - np.log(wer)).sum() >= np.abs(certain.mean - np.log(wer)).sum() - 1e-9


def test_few_candidates_and_those_without_a_loss_are_taken_as_they_are() -> None:
    wer = np.array([10.0, 20.0, 5.0])
    assert np.allclose(shrink(wer, wer - 1, wer + 1, np.array([0.1, 0.2, 0.05])).wer, wer)
    _, wer, low, high, loss = _measured(0, 20, noise=0.1, misfit=0.02)
    loss[3] = np.nan
    assert shrink(wer, low, high, loss).wer[3] == wer[3]
