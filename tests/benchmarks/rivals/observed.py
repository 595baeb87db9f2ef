"""A rival as a sampler, and what it has seen: the study's complete trials as arrays of rungs."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

_STARTUP = 4  # measured candidates without which nothing is guessed
Costs = Callable[[dict[str, int]], tuple[float, float]]


@dataclass(frozen=True)
class Observed:
    """Measured assignments, one row each in the order of the trials, and what is exact of any other.

    Attributes:
        names: the parameters, in the order of the columns.
        sizes: rungs of each, (parameters,).
        rungs: what was measured, (trials, parameters).
        logs: the natural logarithm of their WER in percent, (trials,).
        known: every assignment that was ever asked for, measured or not.
    """

    names: list[str]
    sizes: np.ndarray
    rungs: np.ndarray
    logs: np.ndarray
    known: set[tuple[int, ...]]

    @property
    def scaled(self) -> np.ndarray:
        """The measured rungs from 0 to 1."""
        return self.scale(self.rungs)

    def scale(self, rungs: np.ndarray) -> np.ndarray:
        """Rungs from 0, the lowest of each parameter, to 1."""
        return rungs / (self.sizes - 1).clip(1)

    def choices(self, rungs: np.ndarray) -> dict[str, int]:
        """One row of rungs by name, as Optuna has them."""
        return dict(zip(self.names, map(int, rungs), strict=True))

    def costs(self, rungs: np.ndarray, costs: Costs) -> np.ndarray:
        """Storage and runtime of rows of rungs, exactly."""
        return np.array([costs(self.choices(row)) for row in rungs])


def observed(study: Study, space: dict[str, BaseDistribution]) -> Observed:
    """What the complete trials of a study say of a search space."""
    done = [t for t in study.trials if t.state == TrialState.COMPLETE and len(t.params) == len(space)]
    names = list(space)
    return Observed(
        names,
        np.array([space[n].high + 1 for n in names]),  # type: ignore[attr-defined]
        np.array([[t.params[n] for n in names] for t in done]),
        np.log(np.maximum(np.array([t.values[0] for t in done]), 0.1)),
        {tuple(t.params.get(n, -1) for n in names) for t in study.trials},
    )


class Rival(BaseSampler):
    """Proposes rungs from all that was measured, at random while that is too little."""

    def __init__(self, seed: int) -> None:
        self._random = RandomSampler(seed=seed)

    @abstractmethod
    def propose(self, seen: Observed) -> np.ndarray | None:
        """Rungs that were never asked for, (parameters,), or None for random ones."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All that the first trial had."""
        return dict(study.trials[0].distributions) if study.trials else {}

    def sample_independent(self, study: Study, trial: FrozenTrial, name: str, one: BaseDistribution) -> Any:
        """At random."""
        return self._random.sample_independent(study, trial, name, one)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What is proposed, by name."""
        seen = observed(study, search_space)
        chosen = self.propose(seen) if len(seen.logs) >= _STARTUP else None
        return {} if chosen is None else seen.choices(chosen)
