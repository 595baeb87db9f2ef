"""Samplers by name: ``SAMPLERS`` is the registry of who proposes; each is loaded when it is asked for."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from search.samplers.context import SamplerAt, SamplerContext
from spaces import UserError
from spaces.names import choices


def _ours(context: SamplerContext) -> SamplerAt:
    from search.samplers.surrogate import SurrogateSampler

    ours = SurrogateSampler(context)
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


@dataclass(frozen=True)
class Sampler:
    """An entry of the registry.

    Attributes:
        make: the sampler, by the number of trials asked before.
        informed: whether it makes use of sensitivities and proxies, which are measured for it alone.
    """

    make: Callable[[SamplerContext], SamplerAt]
    informed: bool = False


SAMPLERS = {
    "hubits": Sampler(_ours, informed=True),
    "gp": Sampler(_gp),
    "tpe": Sampler(_tpe),
    "nsga2": Sampler(_nsga2),
    "random": Sampler(_random),
}


def informed(name: str) -> bool:
    """Whether the sampler of a name makes use of sensitivities and proxies."""
    return SAMPLERS[name].informed


def make_sampler(name: str, context: SamplerContext) -> SamplerAt:
    """The sampler of a name, by the number of trials asked before.

    One of its own for every ask: what it proposes follows from the study alone, also after a restart.

    Raises:
        UserError: if there is none of that name.
    """
    if name not in SAMPLERS:
        raise UserError(f"sampler: {name!r} does not exist; {choices(name, SAMPLERS)}")
    return SAMPLERS[name].make(context)


def _seed(seed: int, asked: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{asked}".encode()).digest()[:4], "big")
