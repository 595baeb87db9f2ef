"""Samplers by name: who proposes the next candidate."""

from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

from search.study_file import StudyFile


def make_sampler(file: StudyFile, seed: int) -> BaseSampler:
    """The sampler that a study asks for, with its seed."""
    name = file.search.sampler
    if name == "random":
        return RandomSampler(seed=seed)
    if name == "nsga2":
        return NSGAIISampler(population_size=20, seed=seed)
    # univariate TPE, Optuna's default for several objectives, proposes many assignments a second time
    return TPESampler(multivariate=True, seed=seed, constant_liar=True)
