"""The surrogate: log WER as a Gaussian process over the ordinal choices, from what was measured so far."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

Kernel = Any  # of sklearn, which is loaded when the first model is made
_FITTED = 120  # hyperparameters are fitted to at most so many trials: the fit is cubic, the prediction is not
_TRUST = 10.0  # how much more of the WER the prior is expected to explain than any choice's own curve
_FIT_FROM = 4  # trials below which the hyperparameters stay as they were set


class Prior(Protocol):
    """What is known of the WER before anything is trained."""

    def features(self, choices: np.ndarray) -> np.ndarray:
        """Numbers of about [0, 1] in which the log WER is close to linear; (n, choices) -> (n, features)."""
        ...


class SensitivityPrior:
    """The summed sensitivities of an assignment's rungs.

    The log WER is close to linear in one of three curves of that sum; which one, the measurements say.

    Args:
        table: what each rung of each choice adds over the top rung, lowest rung first.
        names: the order of the choices.
    """

    def __init__(self, table: Mapping[str, Sequence[float]], names: Sequence[str]) -> None:
        self._added = [np.maximum(np.array(table[name], dtype=float), 0.0) for name in names]
        self._largest = sum(float(added.max()) for added in self._added) or 1.0

    def features(self, choices: np.ndarray) -> np.ndarray:
        """See ``Prior``."""
        total = np.sum([added[choices[:, i]] for i, added in enumerate(self._added)], axis=0) / self._largest
        return np.column_stack([total, np.sqrt(total), np.log1p(50 * total) / np.log(51)])


class ProxyPrior:
    """The supernet's WER without a step: as measured where it was, else as guessed from where it was.

    Args:
        choices: rungs of the assignments that the supernet was scored at, (proxies, choices).
        wer: what it scored, percent, shrunken.
        sizes: number of rungs of every choice.
        base: what was known before, whose features stay in front.
        bundles: indices of choices that have something in common.
    """

    def __init__(
        self,
        choices: np.ndarray,
        wer: np.ndarray,
        sizes: np.ndarray,
        base: Prior | None,
        bundles: Sequence[np.ndarray] = (),
    ) -> None:
        self._base = base
        logs = np.log(np.maximum(wer, 0.1))
        self._guess = WordErrorModel(choices, sizes, logs, np.full(len(wer), 0.02), base, bundles)
        self._lowest, self._span = float(logs.min()), float(np.ptp(logs)) or 1.0
        self._known = dict(zip(map(tuple, choices.tolist()), logs.tolist(), strict=True))

    def features(self, choices: np.ndarray) -> np.ndarray:
        """See ``Prior``."""
        guessed, _ = self._guess.predict(choices)
        logs = [self._known.get(tuple(c), float(g)) for c, g in zip(choices.tolist(), guessed, strict=True)]
        own = (np.array(logs) - self._lowest) / self._span
        columns = np.column_stack([own, own**2])
        return columns if self._base is None else np.column_stack([self._base.features(choices), columns])


class WordErrorModel:
    """Log WER as curves of the prior, plus curves for each bundle and each choice, plus what they do not explain.

    A linear kernel on the prior's curves, weighted up, on three shapes of the mean rung of each bundle and of each
    choice's own rung, and a Matern kernel on the same features for what they do not explain.

    Args:
        choices: rungs of the measured trials, (trials, choices).
        sizes: number of rungs of every choice.
        target: log WER of each.
        noise: its standard deviation.
        prior: where something is known beforehand.
        bundles: indices of choices that have something in common.
        kernel: fitted before; without it the hyperparameters are fitted here.
    """

    def __init__(
        self,
        choices: np.ndarray,
        sizes: np.ndarray,
        target: np.ndarray,
        noise: np.ndarray,
        prior: Prior | None,
        bundles: Sequence[np.ndarray] = (),
        kernel: Kernel | None = None,
    ) -> None:
        from sklearn.gaussian_process import GaussianProcessRegressor

        self._sizes, self._prior, self._bundles = sizes, prior, bundles
        self._mean, self._scale = float(target.mean()), float(target.std() or 1.0)
        features, standard = self._features(choices), (target - self._mean) / self._scale
        alpha = (noise / self._scale) ** 2 + 1e-4
        self.kernel = kernel or _fitted(features, standard, alpha)
        self._process = GaussianProcessRegressor(self.kernel, alpha=alpha, optimizer=None).fit(features, standard)

    def predict(self, choices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of log WER."""
        mean, deviation = self._process.predict(self._features(choices), return_std=True)
        return mean * self._scale + self._mean, deviation * self._scale

    def _features(self, choices: np.ndarray) -> np.ndarray:
        shares = choices / (self._sizes - 1).clip(1)
        lost = [_lost(shares)]
        if self._bundles:
            lost.append(_lost(np.column_stack([shares[:, bundle].mean(1) for bundle in self._bundles])))
        if self._prior:
            lost.insert(0, _TRUST * self._prior.features(choices))
        return np.hstack(lost)


def fitted_to(trials: int) -> int:
    """To how many of the first trials the hyperparameters are fitted: not anew for every trial, but by these alone.

    A study that goes on after a restart then fits what one that was never stopped fitted.
    """
    step = 1 if trials < 24 else 8 if trials < 96 else 32
    return trials - trials % step


def _fitted(features: np.ndarray, target: np.ndarray, alpha: np.ndarray) -> Kernel:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern

    kernel = ConstantKernel(0.3, (1e-2, 1e2)) * DotProduct(1.0, (1e-2, 1e1)) + ConstantKernel(
        0.1, (1e-3, 1e1)
    ) * Matern(3.0, (1.0, 30.0), nu=2.5)
    if len(target) < _FIT_FROM:
        return kernel
    some = slice(-_FITTED, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianProcessRegressor(kernel, alpha=alpha[some]).fit(features[some], target[some]).kernel_


def _lost(rungs: np.ndarray) -> np.ndarray:
    """Rungs in [0, 1] as three shapes of what is lost below the top one, from even steps to the lowest rung alone.

    Their sums give each choice a curve of its own, whatever its ladder; (trials, 3 x choices).
    """
    below = 1.0 - rungs
    return np.hstack([below, below**2, below**5])
