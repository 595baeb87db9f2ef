"""A rival: a predictor and NSGA-II on it, as AMQ does it (arXiv 2509.12019), asked one candidate at a time.

The predictor is a radial basis function over the rungs, fitted anew to everything that was measured; storage and
runtime are exact. NSGA-II starts from what was measured; of its last front the member that is farthest from anything
measured, by rungs, is proposed.
"""

from collections.abc import Callable
from typing import Any

import moocore
import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from scipy.interpolate import RBFInterpolator

Costs = Callable[[dict[str, int]], tuple[float, float]]
_POPULATION, _GENERATIONS = 60, 20


class AmqSampler(BaseSampler):
    """See the module.

    Args:
        costs: storage and runtime of some choices.
    """

    def __init__(self, costs: Costs, seed: int) -> None:
        self._costs, self._rng, self._random = costs, np.random.default_rng(seed), RandomSampler(seed=seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All that the first trial had."""
        return dict(study.trials[0].distributions) if study.trials else {}

    def sample_independent(self, study: Study, trial: FrozenTrial, name: str, one: BaseDistribution) -> Any:
        """Only before anything is measured."""
        return self._random.sample_independent(study, trial, name, one)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The farthest member of the predicted front."""
        done = [t for t in study.trials if t.state == TrialState.COMPLETE and len(t.params) == len(search_space)]
        if len(done) < 4:
            return {}
        names = list(search_space)
        sizes = np.array([search_space[n].high + 1 for n in names])  # type: ignore[attr-defined]
        seen = np.array([[t.params[n] for n in names] for t in done])
        known = {tuple(t.params.get(n, -1) for n in names) for t in study.trials}
        scale = (sizes - 1).clip(1)
        rungs, index = np.unique(seen / scale, axis=0, return_index=True)
        logs = np.log(np.maximum(np.array([t.values[0] for t in done])[index], 0.1))
        predictor = RBFInterpolator(rungs, logs, smoothing=1e-2, kernel="linear")

        def values(pool: np.ndarray) -> np.ndarray:
            costs = [self._costs(dict(zip(names, map(int, c), strict=True))) for c in pool]
            return np.column_stack([predictor(pool / scale), np.array(costs)])

        found = self._evolved(seen, sizes, values)
        new = [c for c in found if tuple(map(int, c)) not in known]
        if not new:
            return {}
        away = [np.abs(c / scale - rungs).sum(1).min() for c in new]
        return dict(zip(names, map(int, new[int(np.argmax(away))]), strict=True))

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
