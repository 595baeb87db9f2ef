"""Samplers by name: ``SAMPLERS`` is the registry of who proposes; each is loaded when it is asked for."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spaces import UserError

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

Choices = dict[str, int]
Table = Mapping[str, Sequence[float]]
SamplerAt = Callable[[int], "BaseSampler"]  # by the number of trials asked before


@dataclass(frozen=True)
class SamplerContext:
    """What a sampler may know of a study.

    Attributes:
        costs: storage and runtime of some choices, by arithmetic.
        seed: the proposals follow from it and from the study.
        limits: upper bounds of WER, storage and runtime.
        baselines: how many of the first trials fix the reference of the hypervolume.
        sensitivity: what each rung of each choice adds to the loss over its top rung, lowest rung first, where known.
        proxies: choices and the WER that a cheap proxy gave them, where known.
    """

    costs: Callable[[Choices], tuple[float, float]]
    seed: int
    limits: tuple[float, float, float] = (float("inf"),) * 3
    baselines: int = 5
    sensitivity: Table | None = None
    proxies: Sequence[tuple[Choices, float]] = ()


def _ours(context: SamplerContext) -> SamplerAt:
    from search.samplers.surrogate import SurrogateSampler

    ours = SurrogateSampler(
        context.costs, context.seed, context.limits, context.sensitivity, context.proxies, context.baselines
    )
    return lambda _: ours


def _gp(context: SamplerContext) -> SamplerAt:
    from optuna.samplers import GPSampler

    return lambda asked: GPSampler(seed=_seed(context.seed, asked))


def _tpe(context: SamplerContext) -> SamplerAt:
    from optuna.samplers import TPESampler

    # univariate TPE, Optuna's default for several objectives, proposes many assignments a second time
    return lambda asked: TPESampler(multivariate=True, seed=_seed(context.seed, asked), constant_liar=True)


def _nsga2(context: SamplerContext) -> SamplerAt:
    from optuna.samplers import NSGAIISampler

    return lambda asked: NSGAIISampler(population_size=20, seed=_seed(context.seed, asked))


def _random(context: SamplerContext) -> SamplerAt:
    from optuna.samplers import RandomSampler

    return lambda asked: RandomSampler(seed=_seed(context.seed, asked))


SAMPLERS: dict[str, Callable[[SamplerContext], SamplerAt]] = {
    "hubits": _ours,
    "gp": _gp,
    "tpe": _tpe,
    "nsga2": _nsga2,
    "random": _random,
}


def make_sampler(name: str, context: SamplerContext) -> SamplerAt:
    """The sampler of a name, by the number of trials asked before.

    One of its own for every ask: what it proposes follows from the study alone, also after a restart.

    Raises:
        UserError: if there is none of that name.
    """
    if name not in SAMPLERS:
        raise UserError(f"sampler: {name!r} does not exist; choose from {', '.join(SAMPLERS)}")
    return SAMPLERS[name](context)


def _seed(seed: int, asked: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{asked}".encode()).digest()[:4], "big")
