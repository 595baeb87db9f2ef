"""Candidates ranked by their expected improvement, and the choice of one or several of them."""

from dataclasses import dataclass

import numpy as np

from search.samplers.improvement import expected_improvement
from search.samplers.wer_model import WordErrorModel

_LOOKED_AT_AGAIN = 40  # candidates whose gain is counted again after one was chosen: gains only shrink


@dataclass(frozen=True)
class Ranked:
    """Candidates with their exact costs, what the surrogate says of their log WER, and their expected improvement."""

    pool: np.ndarray
    costs: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    gains: np.ndarray

    def joined(self, other: "Ranked") -> "Ranked":
        """Both in one."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Ranked(*(np.concatenate(pair) for pair in pairs))

    def best(self, count: int) -> np.ndarray:
        """The most promising candidates."""
        return self.pool[np.argsort(-self.gains, kind="stable")[:count]]


@dataclass(frozen=True)
class Front:
    """What a candidate has to improve on: values of what is measured or under way, and the reference point."""

    values: np.ndarray
    reference: np.ndarray

    def with_point(self, wer: float, costs: np.ndarray) -> "Front":
        """As if another candidate were measured."""
        return Front(np.vstack([self.values, [wer, *costs]]), self.reference)


def rank(pool: np.ndarray, costs: np.ndarray, model: WordErrorModel, front: Front) -> Ranked:
    """Every candidate of a pool with its expected improvement of the front."""
    mean, deviation = model.predict(pool)
    gains = expected_improvement(mean, deviation, costs, front.values, front.reference)
    return Ranked(pool, costs, mean, deviation, gains)


def choose(ranked: Ranked, front: Front, count: int) -> list[tuple[int, ...]]:
    """The best candidates one after the other, each counted as measured before the next is chosen."""
    gains, deviation = ranked.gains.copy(), ranked.deviation.copy()
    chosen: list[tuple[int, ...]] = []
    for _ in range(min(count, len(gains))):
        best = int(np.argmax(gains + 1e-12 * deviation))  # all zero at the worst: the most uncertain one
        chosen.append(tuple(ranked.pool[best].tolist()))
        front = front.with_point(np.exp(ranked.mean[best]), ranked.costs[best])
        top = np.argsort(-gains, kind="stable")[:_LOOKED_AT_AGAIN]
        gains[top] = expected_improvement(
            ranked.mean[top], deviation[top], ranked.costs[top], front.values, front.reference
        )
        gains[best], deviation[best] = -1.0, 0.0
    return chosen
