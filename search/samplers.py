"""Samplers by name: who proposes the next candidate."""

from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

from search.records import costs
from search.study_file import StudyFile


def make_sampler(file: StudyFile, seed: int) -> BaseSampler:
    """The sampler that a study asks for, with its seed."""
    name = file.search.sampler
    if name == "random":
        return RandomSampler(seed=seed)
    if name == "nsga2":
        return NSGAIISampler(population_size=20, seed=seed)
    if name == "tpe":
        # univariate TPE, Optuna's default for several objectives, proposes many assignments a second time
        return TPESampler(multivariate=True, seed=seed, constant_liar=True)
    from search.surrogate import SurrogateSampler

    limits = (file.search.max_storage or float("inf"), file.search.max_runtime or float("inf"))
    return SurrogateSampler(lambda choices: costs(file, file.search_space.decode(choices)), seed, limits)
