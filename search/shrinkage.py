"""Shrunken WERs: what a noisy WER says together with the loss beside it.

A development set of some hundred utterances cannot rank neighbours, and the best of many noisy WERs is mostly lucky.
The loss on the same utterances is far less noisy, and over the candidates of a study log WER follows it closely. So
each log WER is drawn towards what its loss foretells, the more the noisier it is and the better losses foretell WERs
here (empirical Bayes: Efron and Morris, "Stein's estimation rule and its competitors", 1973).
"""

from dataclasses import dataclass

import numpy as np

_PAIRED = 0.5  # candidates hear the same utterances: they differ by less than each one's own interval
_LEAST = 5  # candidates below which nothing is drawn anywhere
_LEAST_NOISE = 0.01  # standard deviation of log WER


@dataclass(frozen=True)
class Shrunken:
    """Estimates of some candidates, in their order: log WER and its standard deviation."""

    mean: np.ndarray
    deviation: np.ndarray

    @property
    def wer(self) -> np.ndarray:
        """The estimates in percent."""
        return np.exp(self.mean)


def shrink(wer: np.ndarray, low: np.ndarray, high: np.ndarray, loss: np.ndarray) -> Shrunken:
    """Draw WERs towards what their losses foretell.

    Args:
        wer: percent, (candidates,).
        low: lower end of each 95 % bootstrap interval; ``high`` its upper end.
        loss: on the same utterances; nan where it is not known.
    """
    measured = np.log(np.maximum(wer, 0.1))
    noise = np.maximum(_PAIRED * (high - low) / 3.92 / np.maximum(wer, 0.1), _LEAST_NOISE)
    known = np.isfinite(loss) & (loss > 0)
    if known.sum() < _LEAST or np.ptp(loss[known]) == 0:
        return Shrunken(measured, noise)
    features = _curve(np.log(loss[known]), known.sum())
    weights = 1.0 / np.hypot(noise[known], 0.05)
    fit, *_ = np.linalg.lstsq(features * weights[:, None], measured[known] * weights, rcond=None)
    foretold = features @ fit
    # what of the residuals is more than the noise of the WERs is the loss's own error
    freedom = max(1, known.sum() - features.shape[1])
    misfit = max(1e-4, float(((measured[known] - foretold) ** 2 - noise[known] ** 2).sum() / freedom))
    mean, deviation = measured.copy(), noise.copy()
    share = misfit / (misfit + noise[known] ** 2)
    mean[known] = foretold + share * (measured[known] - foretold)
    deviation[known] = np.sqrt(share) * noise[known]
    return Shrunken(mean, deviation)


def _curve(logs: np.ndarray, count: int) -> np.ndarray:
    """A line through few points, a parabola through many."""
    centred = logs - logs.mean()
    columns = [np.ones_like(logs), centred] + ([centred**2] if count >= 3 * _LEAST else [])
    return np.column_stack(columns)
