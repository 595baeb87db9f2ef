"""The sampler of hubits: only the WER has to be guessed, storage and runtime are known before anything is trained.

A Gaussian process guesses log WER over the ordinal choices from what was measured; each proposal is the candidate of a
pool with the largest expected hypervolume improvement under exact costs (Emmerich, Giannakoglou and Naujoks, 2006,
here by quadrature over the WER). Usable with any Optuna study of three objectives of which the last two can be
computed.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import moocore
import numpy as np
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

Choices = dict[str, int]
_POOL = 240
_FITTED = 120  # hyperparameters are fitted to at most so many trials: the fit is cubic, the prediction is not
_STARTUP = 3


class SurrogateSampler(BaseSampler):
    """Expected hypervolume improvement over the measured front with exact costs.

    Args:
        costs: storage and runtime of some choices, by arithmetic.
        seed: the sampler's proposals follow from it and from the study.
        limits: upper bounds of storage and runtime that no proposal may exceed.
    """

    def __init__(
        self,
        costs: Callable[[Choices], tuple[float, float]],
        seed: int,
        limits: tuple[float, float] = (np.inf, np.inf),
    ) -> None:
        self._costs, self._limits = costs, limits
        self._rng = np.random.default_rng(seed)
        self._random = RandomSampler(seed=seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The choices of the finished trials."""
        for finished in reversed(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))):
            return dict(finished.distributions)
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Random, until there is a finished trial."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The most promising candidate of a pool."""
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        rungs = {k: d.high + 1 for k, d in search_space.items() if isinstance(d, IntDistribution)}
        if len(finished) < _STARTUP or len(rungs) < len(search_space):
            return {}
        names = list(rungs)
        sizes = np.array([rungs[n] for n in names])
        measured = np.array([[t.params[n] for n in names] for t in finished])
        values = np.array([_values(t) for t in finished])
        running = [t for t in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)) if names[0] in t.params]
        pending = np.array([[t.params[n] for n in names] for t in running], dtype=int).reshape(-1, len(names))

        pool = self._pool(measured, values, sizes)
        failed = [t.params for t in study.get_trials(deepcopy=False, states=(TrialState.FAIL,)) if not _interrupted(t)]
        refused = [tuple(p[n] for n in names) for p in failed if set(p) == set(names)]
        known = {*map(tuple, measured.tolist()), *map(tuple, pending.tolist()), *refused}
        pool = np.array([c for c in dict.fromkeys(map(tuple, pool.tolist())) if c not in known])
        costs = np.array([self._costs(dict(zip(names, map(int, c), strict=True))) for c in pool]).reshape(-1, 2)
        allowed = (costs <= np.array(self._limits)).all(1)
        if not allowed.any():
            return {}
        pool, costs = pool[allowed], costs[allowed]

        model = _WordErrorModel(measured / (sizes - 1).clip(1), values[:, 0], _noise(finished))
        front = values
        if len(pending):  # what is being measured counts as if it came out as guessed
            guess, _ = model.predict(pending / (sizes - 1).clip(1))
            pending_costs = [self._costs(dict(zip(names, map(int, c), strict=True))) for c in pending]
            front = np.vstack([front, np.column_stack([np.exp(guess), pending_costs])])
        mean, deviation = model.predict(pool / (sizes - 1).clip(1))
        gains = self._expected_improvement(mean, deviation, costs, front)
        best = pool[int(np.argmax(gains))]
        return dict(zip(names, map(int, best), strict=True))

    def _pool(self, measured: np.ndarray, values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Neighbours and crossings of the front, and candidates at random levels."""
        rng = self._rng
        front = measured[moocore.is_nondominated(values, keep_weakly=True)]
        candidates = []
        for _ in range(_POOL):
            kind = rng.random()
            child = front[rng.integers(len(front))].copy()
            if kind < 0.3:
                other = front[rng.integers(len(front))]
                child = np.where(rng.random(len(sizes)) < rng.random(), child, other)
            elif kind < 0.45:
                low, high = np.sort(rng.integers(0, sizes.max(), 2))
                child = np.where(rng.random(len(sizes)) < rng.random(), low, high)
            moved = rng.choice(len(sizes), size=min(len(sizes), int(rng.integers(1, 5))), replace=False)
            child[moved] += rng.choice([-2, -1, -1, 1, 1, 2], size=len(moved))
            candidates.append(np.clip(child, 0, sizes - 1))
        return np.array(candidates)

    def _expected_improvement(
        self, mean: np.ndarray, deviation: np.ndarray, costs: np.ndarray, values: np.ndarray
    ) -> np.ndarray:
        """Mean growth of the hypervolume over each candidate's guessed WER, in units of the reference box."""
        reference = np.array([max(100.0, values[:, 0].max()), *(1.01 * np.maximum(values[:, 1:].max(0), 1e-9))])
        front = values[moocore.is_nondominated(values)] / reference
        before = moocore.hypervolume(front, ref=[1.0, 1.0, 1.0])
        gains = np.zeros(len(mean))
        for i in range(len(mean)):
            for z, weight in _NORMAL:
                point = np.array([np.exp(mean[i] + z * deviation[i]), *costs[i]]) / reference
                if (point >= 1).any() or (front <= point).all(1).any():
                    continue
                after = moocore.hypervolume(np.vstack([front, point]), ref=[1.0, 1.0, 1.0])
                gains[i] += weight * (after - before)
        # ties, all zero at the worst: the most uncertain one
        return gains + 1e-12 * deviation


_NORMAL = ((-(3**0.5), 1 / 6), (0.0, 2 / 3), (3**0.5, 1 / 6))  # Gauss-Hermite quadrature: points and weights


class _WordErrorModel:
    """Log WER as a sum of what each choice costs (a linear kernel) plus what the sum does not explain (Matern)."""

    def __init__(self, rungs: np.ndarray, wer: np.ndarray, noise: np.ndarray) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern

        target = np.log(np.maximum(wer, 0.1))
        self._mean, self._scale = float(target.mean()), float(target.std() or 1.0)
        kernel = ConstantKernel(1.0, (1e-2, 1e2)) * DotProduct(1.0, (1e-2, 1e1)) + ConstantKernel(
            0.1, (1e-3, 1e1)
        ) * Matern(3.0, (1.0, 30.0), nu=2.5)
        features, standard, alpha = _lost(rungs), (target - self._mean) / self._scale, (noise / self._scale) ** 2 + 1e-4
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            some = slice(-_FITTED, None)
            fitted = GaussianProcessRegressor(kernel, alpha=alpha[some]).fit(features[some], standard[some])
            self._process = GaussianProcessRegressor(fitted.kernel_, alpha=alpha, optimizer=None)
            self._process.fit(features, standard)

    def predict(self, rungs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of log WER."""
        mean, deviation = self._process.predict(_lost(rungs), return_std=True)
        return mean * self._scale + self._mean, deviation * self._scale


def _lost(rungs: np.ndarray) -> np.ndarray:
    """Rungs in [0, 1] as three shapes of what is lost below the top one, from even steps to the lowest rung alone.

    Their sums give each choice a curve of its own, whatever its ladder; (trials, 3 x choices).
    """
    below = 1.0 - rungs
    return np.hstack([below, below**2, below**5])


def _interrupted(trial: FrozenTrial) -> bool:
    return trial.user_attrs.get("failure") == "interrupted"


def _values(trial: FrozenTrial) -> Sequence[float]:
    assert trial.values is not None  # the trial is complete
    return trial.values


def _noise(trials: Sequence[FrozenTrial]) -> np.ndarray:
    """Standard deviation of each log WER, from its bootstrap interval where the trial has one."""
    noise = []
    for trial in trials:
        known, wer = trial.user_attrs, _values(trial)[0]
        has_interval = "wer_low" in known and "wer_high" in known and wer > 0
        noise.append((known["wer_high"] - known["wer_low"]) / 3.92 / wer if has_interval else 0.05)
    return np.maximum(np.array(noise), 0.01)
