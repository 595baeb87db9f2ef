"""The sampler of hubits: only the WER has to be guessed, storage and runtime are known before anything is trained.

A Gaussian process guesses log WER over the ordinal choices from what was measured, from proxies and sensitivities;
each proposal is the candidate of a pool with the largest expected hypervolume improvement under exact costs. The pool
is what a proxy was asked about, as long as any of it promises something: elsewhere the largest improvement belongs to
whatever is guessed too well. Usable with any Optuna study of three minimised objectives of which the last two can be
computed.
"""

import zlib
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import moocore
import numpy as np
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from search.hypervolume import reference_beyond
from search.samplers.context import Choices, SamplerContext
from search.samplers.proposals import children, greedy_path
from search.samplers.ranking import Front, Ranked, choose, rank
from search.samplers.seen import Seen, rungs
from search.samplers.wer_model import Kernel, Prior, ProxyPrior, SensitivityPrior, WordErrorModel, fitted_to

_CHILDREN, _GRANDCHILDREN, _PARENTS = 200, 120, 12
_PENDING_EACH = 4  # trials under way for each further candidate that is proposed at once
_LEARNED_FROM = 1000  # trials that the surrogate learns from, those nearest to the front: its cost is cubic in them
_ON_A_PATH = 300  # assignments of a greedy path that are looked at
_STARTUP = 3  # finished trials without which nothing is guessed


@dataclass(frozen=True)
class _Problem:
    """The choices of a study, in a fixed order.

    Attributes:
        bundles: indices of the choices of each bundle.
        proxied: candidates that a proxy was asked about: of these the guess is several times as sure as of others.
        beforehand: others that are there from the start: rows and the greedy paths.
    """

    names: tuple[str, ...]
    sizes: np.ndarray
    bundles: tuple[np.ndarray, ...]
    prior: Prior | None
    proxied: np.ndarray
    beforehand: np.ndarray

    def named(self, candidate: Sequence[int]) -> dict[str, int]:
        """The rungs of a candidate by the names of the choices."""
        return dict(zip(self.names, candidate, strict=True))


class SurrogateSampler(BaseSampler):
    """Expected hypervolume improvement over the measured front with exact costs.

    Args:
        context: what is known of the study.
    """

    def __init__(self, context: SamplerContext) -> None:
        self._context = context
        self._costs_once = lru_cache(maxsize=2**14)(lambda choices: context.costs(dict(choices)))
        self._posed: _Problem | None = None
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
        seed = zlib.crc32(f"{self._context.seed}/{trial.number}/{param_name}".encode())
        return RandomSampler(seed).sample_independent(study, trial, param_name, param_distribution)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The most promising candidate of a pool; one of the pool at random while too little is measured to guess."""
        if not search_space:
            return {}
        names = _refuse_unfit(study, search_space)
        trials = study.get_trials(deepcopy=False)
        since = set(rungs(trials[self._queued_at :], names))
        while self._queue:
            queued = self._queue.pop(0)
            if queued not in since:
                return dict(zip(names, queued, strict=True))
        problem = self._posed = self._posed or self._pose(names, search_space)
        seen = Seen.of(trials, names)
        rng = np.random.default_rng([self._context.seed, len(seen.known)])
        chosen = self._propose(seen, problem, rng)
        if not chosen:
            return {}
        self._queue, self._queued_at = chosen[1:], len(trials)
        return problem.named(chosen[0])

    def _propose(self, seen: Seen, problem: _Problem, rng: np.random.Generator) -> list[tuple[int, ...]]:
        # many workers would wait, and the model learns little between two
        count = max(self._context.at_once, 1 + len(seen.pending) // _PENDING_EACH)
        if len(seen.values) < _STARTUP:
            corners = np.vstack([np.zeros_like(problem.sizes), problem.sizes - 1, seen.measured, seen.pending])
            pool, _ = self._pool(corners, seen.known, problem, rng)
            drawn = pool[rng.integers(len(pool), size=count)] if len(pool) else pool
            return list(dict.fromkeys(map(tuple, drawn.tolist())))
        model = self._fitted(seen, problem)
        front, members = self._front(seen, model, problem)
        sure = self._allowed(problem.proxied, seen.known, problem)
        ranked = rank(*sure, model, front) if len(sure[0]) else None
        if ranked is None or not ranked.gains.any():
            ranked = self._ranked(members, model, front, seen.known, problem, rng)
        return choose(ranked, front, count)

    def _fitted(self, seen: Seen, problem: _Problem) -> WordErrorModel:
        """The surrogate of what was measured, its hyperparameters fitted now and then."""
        nearest = _nearest(seen.values)
        choices, mean, deviation = seen.measured[nearest], seen.wer.mean[nearest], seen.wer.deviation[nearest]

        def model(count: int | None, kernel: Kernel | None) -> WordErrorModel:
            some = slice(count)
            return WordErrorModel(
                choices[some], problem.sizes, mean[some], deviation[some], problem.prior, problem.bundles, kernel
            )

        count = fitted_to(len(mean))
        if self._kernel is None or self._kernel[0] != count:
            self._kernel = (count, model(count, None).kernel)
        return model(None, self._kernel[1])

    def _front(self, seen: Seen, model: WordErrorModel, problem: _Problem) -> tuple[Front, np.ndarray]:
        """What has to be improved on, and the rungs of its members.

        What is under way counts as if it came out as guessed. The WERs are not those measured, of which the lowest are
        lucky, but what the surrogate makes of them.
        """
        reference = reference_beyond(seen.values[: self._context.baselines])
        choices = np.vstack([seen.measured, seen.pending])
        guess, _ = model.predict(choices)
        costs = np.vstack([seen.values[:, 1:], self._costs_of(seen.pending, problem)])
        values = np.column_stack([np.exp(guess), costs])
        members = choices[moocore.is_nondominated(values, keep_weakly=True)]
        return Front(values, np.minimum(reference, np.nextafter(self._context.limits, np.inf))), members

    def _pool(
        self, members: np.ndarray, known: Set[tuple[int, ...]], problem: _Problem, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Children of the front's members and what else is there from the start, with their costs."""
        born = children(members, problem.sizes, problem.bundles, _CHILDREN, rng)
        return self._allowed(np.vstack([born, problem.beforehand]), known, problem)

    def _ranked(
        self,
        members: np.ndarray,
        model: WordErrorModel,
        front: Front,
        known: Set[tuple[int, ...]],
        problem: _Problem,
        rng: np.random.Generator,
    ) -> Ranked:
        """A pool around the front's members, and children of its most promising."""
        pool = self._pool(members, known, problem, rng)
        if not len(pool[0]):
            return Ranked(*pool, np.empty(0), np.empty(0), np.empty(0))
        ranked = rank(*pool, model, front)
        others = known | {tuple(c) for c in ranked.pool.tolist()}
        born = children(ranked.best(_PARENTS), problem.sizes, problem.bundles, _GRANDCHILDREN, rng)
        more, costs = self._allowed(born, others, problem)
        return ranked.joined(rank(more, costs, model, front)) if len(more) else ranked

    def _allowed(
        self, pool: np.ndarray, known: Set[tuple[int, ...]], problem: _Problem
    ) -> tuple[np.ndarray, np.ndarray]:
        """The candidates of a pool, once each, that are not known and within the limits, and their costs."""
        pool = np.array([c for c in dict.fromkeys(map(tuple, pool.tolist())) if c not in known], dtype=int)
        pool = pool.reshape(-1, len(problem.names))
        costs = self._costs_of(pool, problem)
        within = (costs <= np.array(self._context.limits[1:])).all(1)
        return pool[within], costs[within]

    def _costs_of(self, choices: np.ndarray, problem: _Problem) -> np.ndarray:
        found = [self._costs_once(tuple(problem.named(c).items())) for c in choices.tolist()]
        return np.array(found).reshape(-1, 2)

    def _pose(self, names: Sequence[str], search_space: dict[str, BaseDistribution]) -> _Problem:
        sizes = np.array([search_space[n].high + 1 for n in names])  # type: ignore[attr-defined]
        context, place = self._context, {name: i for i, name in enumerate(names)}
        bundles = tuple(np.array([place[n] for n in bundle]) for bundle in context.bundles)

        def table(choices: Sequence[Choices]) -> np.ndarray:
            return np.array([[c[n] for n in names] for c in choices], dtype=int).reshape(-1, len(names))

        proxied = table([choices for choices, _ in context.proxies])
        prior: Prior | None = SensitivityPrior(context.sensitivity, names) if context.sensitivity else None
        if len(proxied) >= _STARTUP:
            prior = ProxyPrior(proxied, np.array([wer for _, wer in context.proxies]), sizes, prior, bundles)
        beforehand = np.vstack([table(context.rows), table(self._paths(names, sizes))])
        return _Problem(tuple(names), sizes, bundles, prior, proxied, beforehand)

    def _paths(self, names: Sequence[str], sizes: np.ndarray) -> list[Choices]:
        """Assignments on the greedy paths by storage, by runtime and by both, where each choice saves by itself."""
        if not self._context.sensitivity:
            return []
        rungs = dict(zip(names, sizes.tolist(), strict=True))
        middle = {name: count // 2 for name, count in rungs.items()}
        most = np.array(self._context.costs({name: count - 1 for name, count in rungs.items()}))
        alone = {
            name: np.array([self._context.costs({**middle, name: rung}) for rung in range(count)]) / most
            for name, count in rungs.items()
        }  # choices by the hundred would be asked for thousands of times on the way down
        steps: list[Choices] = []
        for weights in ((1.0, 0.0), (0.5, 0.5), (0.0, 1.0)):
            falls = {name: np.diff(costs @ np.array(weights)).tolist() for name, costs in alone.items()}
            path = greedy_path(rungs, self._context.sensitivity, lambda at, name, by=falls: by[name][at[name] - 1])  # type: ignore[misc]
            steps += path[:: -(-len(path) // _ON_A_PATH)]
        return steps


def _refuse_unfit(study: Study, search_space: dict[str, BaseDistribution]) -> list[str]:
    """The names of the choices.

    Raises:
        ValueError: if the study has not three objectives to minimise, or a parameter is no rung of a ladder.
    """
    if list(study.directions) != [StudyDirection.MINIMIZE] * 3:
        raise ValueError("SurrogateSampler minimises three objectives: WER, storage, runtime")
    for name, distribution in search_space.items():
        if not isinstance(distribution, IntDistribution) or distribution.low != 0 or distribution.step != 1:
            raise ValueError(f"SurrogateSampler: {name} must be an IntDistribution from 0 in steps of 1")
    return list(search_space)


def _nearest(values: np.ndarray) -> np.ndarray:
    """Which trials the surrogate learns from, in their order: all, or those nearest to the front by rank."""
    if len(values) <= _LEARNED_FROM:
        return np.arange(len(values))
    return np.sort(np.argsort(moocore.pareto_rank(values), kind="stable")[:_LEARNED_FROM])
