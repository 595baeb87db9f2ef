"""Who goes on from the supernet's scores to a finetune: the rows that no other one beats, and the best mixtures."""

from collections.abc import Sequence

import moocore
import numpy as np

from search.front.pareto import reference_point
from search.front.shrunken import shrink_candidates
from search.study.candidate import Candidate
from spaces import Assignment

_AS_GOOD = 1.02  # times another's WER or costs are no worse: less is not worth a finetune
_ROWS, _MIXTURES = 15, 6  # at most, and half and a sixth of a study's trials
# of a WER that is high without a step, what a finetune leaves: formats that the supernet was not trained with recover
# by a third (measured on the pocket study, tests/benchmarks/results/grid.csv)
_LEFT = 2 / 3


def promoted(proxies: Sequence[Candidate], trials: int) -> list[Assignment]:
    """What is worth a finetune before the sampler is asked, rows first.

    A study of more trials promotes no more, so that a search goes on where a shorter one ended.
    """
    if not proxies:
        return []
    values = np.array([c.objectives for c in proxies])
    values[:, 0] = shrink_candidates(proxies).wer
    rows = [i for i, c in enumerate(proxies) if c.uniform and not c.baseline]
    mixtures = [i for i, c in enumerate(proxies) if not c.uniform]
    everyone = [i for i, c in enumerate(proxies) if c.uniform]
    unbeaten = [i for i in rows if not any(_beats(values[j], values[i]) for j in everyone if j != i)]
    scaled = np.minimum(values / np.array(reference_point(proxies)), 1.0)
    hoped = np.minimum(values * (_LEFT, 1.0, 1.0) / np.array(reference_point(proxies)), 1.0)
    hopeful = [i for i in unbeaten if hoped[i, 0] < 1.0]
    best = _best(hopeful, hoped, min(_ROWS, trials // 2)) + _best(mixtures, scaled, min(_MIXTURES, trials // 6))
    return [proxies[i].assignment for i in best]


def _beats(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether one is about as good in everything, and clearly better in something."""
    return bool((one <= _AS_GOOD * other).all() and (_AS_GOOD * one < other).any())


def _best(some: Sequence[int], scaled: np.ndarray, count: int) -> list[int]:
    """By non-dominated rank among them, then by what each adds to the hypervolume of its rank."""
    if not some:
        return []
    own = scaled[list(some)]
    ranks, added = moocore.pareto_rank(own), np.zeros(len(own))
    for rank in np.unique(ranks):
        of_rank = np.flatnonzero(ranks == rank)
        added[of_rank] = moocore.hv_contributions(own[of_rank], ref=[1.0, 1.0, 1.0])
    return [some[i] for i in np.lexsort((-added, ranks))[:count]]
