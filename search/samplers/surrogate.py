"""The sampler of hubits: only the WER has to be guessed, storage and runtime are known before anything is trained.

A Gaussian process guesses log WER over the ordinal choices from what was measured and from the sensitivities; each
proposal is the candidate of a pool with the largest expected hypervolume improvement under exact costs. Usable with
any Optuna study of three minimised objectives of which the last two can be computed.
"""

import zlib
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import moocore
import numpy as np
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from search.failures import ENVIRONMENT_FAILURES
from search.hypervolume import reference_beyond
from search.samplers.improvement import expected_improvement
from search.samplers.make import Choices, Table
from search.samplers.proposals import children, greedy_path
from search.samplers.wer_model import Kernel, Prior, ProxyPrior, SensitivityPrior, WordErrorModel, fitted_to

_CHILDREN, _GRANDCHILDREN, _PARENTS = 200, 120, 12
_PENDING_EACH = 4  # trials under way for each further candidate that is proposed at once
_LEARNED_FROM = 1000  # trials that the surrogate learns from, those nearest to the front: its cost is cubic in them
_LOOKED_AT_AGAIN = 40  # candidates whose gain is counted again after one was chosen: gains only shrink
_STARTUP = 3  # finished trials without which nothing is guessed
_PAIRED = 0.5  # candidates hear the same utterances: they differ by less than each one's own interval


class SurrogateSampler(BaseSampler):
    """Expected hypervolume improvement over the measured front with exact costs.

    Args:
        costs: storage and runtime of some choices, by arithmetic.
        seed: the sampler's proposals follow from it and from the study.
        limits: upper bounds of WER, storage and runtime: what lies above them counts for nothing, and no proposal
            exceeds those of storage and runtime.
        sensitivity: what each rung of each choice adds to the loss over its top rung, lowest rung first, where known.
        proxies: choices and the WER that a cheap proxy gave them, where known; they are candidates as well.
        baselines: how many of the first trials fix the reference of the hypervolume; in a study, its uniform rows.
    """

    def __init__(
        self,
        costs: Callable[[Choices], tuple[float, float]],
        seed: int,
        limits: tuple[float, ...] = (np.inf, np.inf, np.inf),
        sensitivity: Table | None = None,
        proxies: Sequence[tuple[Choices, float]] = (),
        baselines: int = 5,
    ) -> None:
        self._costs, self._limits, self._sensitivity, self._proxies = costs, limits, sensitivity, proxies
        self._costs_once = lru_cache(maxsize=2**14)(lambda choices: costs(dict(choices)))
        self._seed, self._baselines = seed, baselines
        self._walked: np.ndarray | None = None
        self._known: tuple[Prior | None, np.ndarray] | None = None
        self._kernel: tuple[int, Kernel] | None = None
        self._queue: list[tuple[int, ...]] = []
        self._queued_at = 0  # trials there were when the queue was made: none of it is among them

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The choices of the trials before."""
        for other in reversed(study.get_trials(deepcopy=False)):
            if other.distributions:
                return dict(other.distributions)
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Random, until enough is measured to guess from."""
        seed = zlib.crc32(f"{self._seed}/{trial.number}/{param_name}".encode())
        return RandomSampler(seed).sample_independent(study, trial, param_name, param_distribution)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The most promising candidate of a pool; one of the pool at random while too little is measured to guess."""
        names = [k for k, d in search_space.items() if isinstance(d, IntDistribution) and d.low == 0 and d.step == 1]
        if len(names) < len(search_space) or not names:
            return {}
        sizes = np.array([search_space[n].high + 1 for n in names])  # type: ignore[attr-defined]
        trials = study.get_trials(deepcopy=False)
        since = set(_rungs(trials[self._queued_at :], names))
        while self._queue:
            queued = self._queue.pop(0)
            if queued not in since:
                return dict(zip(names, queued, strict=True))
        seen = _Seen.of(trials, names)
        rng = np.random.default_rng([self._seed, len(seen.known)])
        self._known = self._known or self._prior(names, sizes)
        if len(seen.finished) < _STARTUP:
            chosen = self._guess_blindly(seen, names, sizes, rng)
        else:
            chosen = self._best(seen, names, sizes, rng)
        if not chosen:
            return {}
        self._queue, self._queued_at = chosen[1:], len(trials)
        return dict(zip(names, chosen[0], strict=True))

    def _guess_blindly(
        self, seen: "_Seen", names: Sequence[str], sizes: np.ndarray, rng: np.random.Generator
    ) -> list[tuple[int, ...]]:
        corners = np.vstack([np.zeros_like(sizes), sizes - 1, seen.measured, seen.pending])
        pool = np.vstack([children(corners, sizes, _CHILDREN, rng), self._beforehand(names, sizes)])
        pool, _ = self._allowed(pool, names, seen.known)
        if not len(pool):
            return []
        drawn = pool[rng.integers(len(pool), size=_at_once(seen))]
        return list(dict.fromkeys(map(tuple, drawn.tolist())))

    def _best(
        self, seen: "_Seen", names: Sequence[str], sizes: np.ndarray, rng: np.random.Generator
    ) -> list[tuple[int, ...]]:
        """One candidate, and one more for every so many that are being measured."""
        values = np.array([t.values for t in seen.finished])
        model = self._fitted(seen, sizes, values)
        reference = np.minimum(reference_beyond(values[: self._baselines]), np.nextafter(self._limits, np.inf))
        measured = seen.measured
        if len(seen.pending):  # what is being measured counts as if it came out as guessed
            guess, _ = model.predict(seen.pending)
            values = np.vstack([values, np.column_stack([np.exp(guess), self._costs_of(seen.pending, names)])])
            measured = np.vstack([measured, seen.pending])
        front = measured[moocore.is_nondominated(values, keep_weakly=True)]
        pool = self._pool(front, seen.known, names, sizes, rng)
        ranked = self._ranked(pool, model, values, reference, seen.known, names, sizes, rng)
        return _batch(ranked, values, reference, _at_once(seen)) if len(ranked.pool) else []

    def _fitted(self, seen: "_Seen", sizes: np.ndarray, values: np.ndarray) -> WordErrorModel:
        """The surrogate of what was measured."""
        prior, _ = self._known or (None, None)
        told = _nearest(values)
        return self._model(seen.measured[told], sizes, values[told, 0], _noise(seen.finished)[told], prior)

    def _pool(
        self,
        front: np.ndarray,
        known: Set[tuple[int, ...]],
        names: Sequence[str],
        sizes: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Children of the front and what is there from the start, within the limits."""
        first = np.vstack([children(front, sizes, _CHILDREN, rng), self._beforehand(names, sizes)])
        return self._allowed(first, names, known)[0]

    def _ranked(
        self,
        pool: np.ndarray,
        model: WordErrorModel,
        values: np.ndarray,
        reference: np.ndarray,
        known: Set[tuple[int, ...]],
        names: Sequence[str],
        sizes: np.ndarray,
        rng: np.random.Generator,
    ) -> "_Ranked":
        """The pool and children of its most promising, each with its expected improvement."""
        ranked = self._rank(pool, model, values, reference, names)
        if not len(pool):
            return ranked
        parents = pool[np.argsort(-ranked.gains, kind="stable")[:_PARENTS]]
        others = known | {tuple(c) for c in pool.tolist()}
        more, _ = self._allowed(children(parents, sizes, _GRANDCHILDREN, rng), names, others)
        return ranked.joined(self._rank(more, model, values, reference, names)) if len(more) else ranked

    def _rank(
        self, pool: np.ndarray, model: WordErrorModel, values: np.ndarray, reference: np.ndarray, names: Sequence[str]
    ) -> "_Ranked":
        if not len(pool):
            return _Ranked(pool, np.empty((0, 2)), np.empty(0), np.empty(0), np.empty(0))
        costs, (mean, deviation) = self._costs_of(pool, names), model.predict(pool)
        return _Ranked(pool, costs, mean, deviation, expected_improvement(mean, deviation, costs, values, reference))

    def _beforehand(self, names: Sequence[str], sizes: np.ndarray) -> np.ndarray:
        """Candidates that are there from the start: those that a proxy was measured at, and the greedy paths."""
        proxied = self._known[1] if self._known else np.empty((0, len(names)), dtype=int)
        return np.vstack([proxied, self._paths(names, sizes)])

    def _allowed(
        self, pool: np.ndarray, names: Sequence[str], known: Set[tuple[int, ...]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The candidates of a pool, once each, that are not known and within the limits, and their costs."""
        pool = np.array([c for c in dict.fromkeys(map(tuple, pool.tolist())) if c not in known], dtype=int)
        pool = pool.reshape(-1, len(names))
        costs = self._costs_of(pool, names)
        within = (costs <= np.array(self._limits[1:])).all(1)
        return pool[within], costs[within]

    def _model(
        self, measured: np.ndarray, sizes: np.ndarray, wer: np.ndarray, noise: np.ndarray, prior: Prior | None
    ) -> WordErrorModel:
        """The surrogate of what was measured, its hyperparameters fitted now and then."""
        count = fitted_to(len(wer))
        if self._kernel is None or self._kernel[0] != count:
            first = WordErrorModel(measured[:count], sizes, wer[:count], noise[:count], prior)
            self._kernel = (count, first.kernel)
        return WordErrorModel(measured, sizes, wer, noise, prior, self._kernel[1])

    def _prior(self, names: Sequence[str], sizes: np.ndarray) -> tuple[Prior | None, np.ndarray]:
        """What is known beforehand, and the assignments that a proxy was measured at."""
        proxied = np.array([[c[n] for n in names] for c, _ in self._proxies], dtype=int).reshape(-1, len(names))
        if not self._sensitivity:
            return None, proxied
        known: Prior = SensitivityPrior(self._sensitivity, names)
        if len(proxied) >= _STARTUP:
            known = ProxyPrior(proxied, np.array([wer for _, wer in self._proxies]), sizes, known)
        return known, proxied

    def _costs_of(self, choices: np.ndarray, names: Sequence[str]) -> np.ndarray:
        found = [self._costs_once(tuple(zip(names, c, strict=True))) for c in choices.tolist()]
        return np.array(found).reshape(-1, 2)

    def _paths(self, names: Sequence[str], sizes: np.ndarray) -> np.ndarray:
        """Every assignment on the greedy paths by storage, by runtime and by both; walked once."""
        if self._walked is None and self._sensitivity:
            rungs = dict(zip(names, sizes.tolist(), strict=True))
            top = self._costs({name: count - 1 for name, count in rungs.items()})
            steps: list[Choices] = []
            for share in (1.0, 0.5, 0.0):

                def cost(choices: Choices, share: float = share) -> float:
                    storage, runtime = self._costs(choices)
                    return share * storage / top[0] + (1 - share) * runtime / top[1]

                steps += greedy_path(rungs, self._sensitivity, cost)
            self._walked = np.array([[step[n] for n in names] for step in steps])
        return np.empty((0, len(names)), dtype=int) if self._walked is None else self._walked


@dataclass(frozen=True)
class _Ranked:
    """Candidates with their exact costs, what the surrogate says of their log WER, and their expected improvement."""

    pool: np.ndarray
    costs: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    gains: np.ndarray

    def joined(self, other: "_Ranked") -> "_Ranked":
        """Both in one."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return _Ranked(*(np.concatenate(pair) for pair in pairs))


def _batch(ranked: _Ranked, values: np.ndarray, reference: np.ndarray, count: int) -> list[tuple[int, ...]]:
    """The best candidates one after the other, each counted as measured before the next is chosen."""
    gains, deviation = ranked.gains.copy(), ranked.deviation.copy()
    chosen: list[tuple[int, ...]] = []
    for _ in range(count):
        best = int(np.argmax(gains + 1e-12 * deviation))  # all zero at the worst: the most uncertain one
        chosen.append(tuple(ranked.pool[best].tolist()))
        values = np.vstack([values, [np.exp(ranked.mean[best]), *ranked.costs[best]]])
        top = np.argsort(-gains, kind="stable")[:_LOOKED_AT_AGAIN]
        gains[top] = expected_improvement(ranked.mean[top], deviation[top], ranked.costs[top], values, reference)
        gains[best], deviation[best] = -1.0, 0.0
    return chosen


@dataclass(frozen=True)
class _Seen:
    """A study as the sampler sees it: what is finished, what is under way, and all that is not to come again."""

    finished: Sequence[FrozenTrial]
    measured: np.ndarray
    pending: np.ndarray
    known: Set[tuple[int, ...]]

    @classmethod
    def of(cls, trials: Sequence[FrozenTrial], names: Sequence[str]) -> "_Seen":
        by_state: dict[TrialState, list[FrozenTrial]] = {state: [] for state in TrialState}
        for trial in trials:
            by_state[trial.state].append(trial)
        refused = [t for t in by_state[TrialState.FAIL] if t.user_attrs.get("failure") not in ENVIRONMENT_FAILURES]
        finished = by_state[TrialState.COMPLETE]
        measured, pending = _choices(finished, names), _choices(by_state[TrialState.RUNNING], names)
        known = {tuple(c) for c in np.vstack([measured, pending, _choices(refused, names)]).tolist()}
        return cls(finished, measured, pending, known)


def _at_once(seen: _Seen) -> int:
    """How many candidates are chosen at once: many workers would wait, and the model learns little between two."""
    return 1 + len(seen.pending) // _PENDING_EACH


def _nearest(values: np.ndarray) -> np.ndarray:
    """Which trials the surrogate learns from, in their order: all, or those nearest to the front by rank."""
    if len(values) <= _LEARNED_FROM:
        return np.arange(len(values))
    return np.sort(np.argsort(moocore.pareto_rank(values), kind="stable")[:_LEARNED_FROM])


def _choices(trials: Sequence[FrozenTrial], names: Sequence[str]) -> np.ndarray:
    """Rungs of the trials that have them all, (trials, choices)."""
    return np.array(_rungs(trials, names), dtype=int).reshape(-1, len(names))


def _rungs(trials: Sequence[FrozenTrial], names: Sequence[str]) -> list[tuple[int, ...]]:
    whole = [t.params for t in trials if len(t.params) == len(names)]
    return [tuple(params[n] for n in names) for params in whole]


def _noise(trials: Sequence[FrozenTrial]) -> np.ndarray:
    """Standard deviation of each log WER, from its bootstrap interval where the trial has one."""
    noise = []
    for trial in trials:
        known, wer = trial.user_attrs, trial.values[0] if trial.values else 0.0
        has_interval = "wer_low" in known and "wer_high" in known and wer > 0
        noise.append(_PAIRED * (known["wer_high"] - known["wer_low"]) / 3.92 / wer if has_interval else 0.03)
    return np.maximum(np.array(noise), 0.01)
