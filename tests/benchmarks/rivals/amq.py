"""A rival: a predictor and NSGA-II on it, as AMQ does it (arXiv 2509.12019), asked one candidate at a time.

The predictor is a radial basis function over the rungs, fitted anew to everything that was measured; storage and
runtime are exact. NSGA-II starts from what was measured; of its last front the member that is farthest from anything
measured, by rungs, is proposed.
"""

from collections.abc import Callable

import moocore
import numpy as np
from scipy.interpolate import RBFInterpolator

from tests.benchmarks.rivals.observed import Costs, Observed, Rival

_POPULATION, _GENERATIONS = 60, 20


class AmqSampler(Rival):
    """See the module.

    Args:
        costs: storage and runtime of some choices.
    """

    def __init__(self, costs: Costs, seed: int) -> None:
        super().__init__(seed)
        self._costs, self._rng = costs, np.random.default_rng(seed)

    def propose(self, seen: Observed) -> np.ndarray | None:
        """The farthest member of the predicted front."""
        rungs, index = np.unique(seen.scaled, axis=0, return_index=True)
        predictor = RBFInterpolator(rungs, seen.logs[index], smoothing=1e-2, kernel="linear")

        def values(pool: np.ndarray) -> np.ndarray:
            return np.column_stack([predictor(seen.scale(pool)), seen.costs(pool, self._costs)])

        found = self._evolved(seen.rungs, seen.sizes, values)
        new = [c for c in found if tuple(map(int, c)) not in seen.known]
        if not new:
            return None
        away = [np.abs(seen.scale(c) - rungs).sum(1).min() for c in new]
        return np.asarray(new[int(np.argmax(away))])

    def _evolved(self, seen: np.ndarray, sizes: np.ndarray, values: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The front of the last population."""
        population = seen
        for _ in range(_GENERATIONS):
            pairs = population[self._rng.integers(len(population), size=(_POPULATION, 2))]
            children = np.where(self._rng.random((_POPULATION, len(sizes))) < 0.5, pairs[:, 0], pairs[:, 1])
            moved = self._rng.random(children.shape) < 2.0 / len(sizes)
            children = np.clip(children + moved * self._rng.choice([-1, 1], size=children.shape), 0, sizes - 1)
            both = np.unique(np.vstack([population, children]), axis=0)
            ranks = moocore.pareto_rank(values(both))
            population = both[np.argsort(ranks + self._rng.random(len(both)) * 0.5, kind="stable")[:_POPULATION]]
        return population[moocore.pareto_rank(values(population)) == 0]
