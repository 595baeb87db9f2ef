"""Samplers by name: who proposes the next candidate."""

import hashlib
from collections.abc import Callable, Sequence

from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from search.member import Member
from search.proposals import Table
from search.records import costs
from search.study_file import StudyFile

SamplerAt = Callable[[int], BaseSampler]


def make_sampler(file: StudyFile, sensitivity: Table | None, proxies: Sequence[Member] = ()) -> SamplerAt:
    """The sampler that a study asks for, by the number of trials asked before.

    One of its own for every ask: what it proposes follows from the study alone, also after a restart.
    """
    if file.search.sampler == "hubits":
        from search.surrogate import SurrogateSampler

        wanted = (file.search.max_wer, file.search.max_storage, file.search.max_runtime)
        limits = tuple(float("inf") if limit is None else limit for limit in wanted)
        ours = SurrogateSampler(
            lambda choices: costs(file, file.search_space.decode(choices)), file.search.seed, limits, sensitivity,
            [(file.search_space.encode(m.assignment), m.wer) for m in proxies],
        )  # fmt: skip
        return lambda _: ours
    return lambda asked: _optunas(file.search.sampler, _seed(file.search.seed, asked))


def _optunas(name: str, seed: int) -> BaseSampler:
    if name == "random":
        return RandomSampler(seed=seed)
    if name == "nsga2":
        return NSGAIISampler(population_size=20, seed=seed)
    if name == "gp":
        return GPSampler(seed=seed)
    # univariate TPE, Optuna's default for several objectives, proposes many assignments a second time
    return TPESampler(multivariate=True, seed=seed, constant_liar=True)


def _seed(seed: int, asked: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{asked}".encode()).digest()[:4], "big")
