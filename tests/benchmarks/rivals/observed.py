"""What a rival has seen: the study's complete trials as arrays of rungs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import TrialState

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
