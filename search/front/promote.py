"""Who goes on from the supernet's scores to a finetune: the rows that no other one beats, and the best mixtures."""

from collections.abc import Container, Sequence

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


def promoted(proxies: Sequence[Candidate], trials: int, bent: Container[Assignment] = ()) -> list[Assignment]:
    """What is worth a finetune before the sampler is asked, rows first.

    A study of more trials promotes no more, so that a search goes on where a shorter one ended.

    Args:
        bent: mixtures that count as rows.
    """
    if not proxies:
        return []
    values = _values(proxies)
    everyone = [i for i, c in enumerate(proxies) if c.uniform or c.assignment in bent]
    rows = [i for i in everyone if not proxies[i].baseline]
    mixtures = [i for i in range(len(proxies)) if i not in everyone]
    unbeaten = [i for i in rows if not any(_beats(values[j], values[i]) for j in everyone if j != i)]
    scaled = np.minimum(values / np.array(reference_point(proxies)), 1.0)
    hoped = _hoped(proxies)
    hopeful = [i for i in unbeaten if hoped[i, 0] < 1.0]
    best = _best(hopeful, hoped, min(_ROWS, trials // 2)) + _best(mixtures, scaled, min(_MIXTURES, trials // 6))
    return [proxies[i].assignment for i in best]


def by_promise(proxies: Sequence[Candidate]) -> list[Candidate]:
    """All in the order in which a finetune is worth while, by what the supernet says."""
    return [proxies[i] for i in _best(range(len(proxies)), _hoped(proxies), len(proxies))]


def _values(proxies: Sequence[Candidate]) -> np.ndarray:
    """Objectives, the WER shrunken: (candidates, 3)."""
    values = np.array([c.objectives for c in proxies])
    values[:, 0] = shrink_candidates(proxies).wer
    return values


def _hoped(proxies: Sequence[Candidate]) -> np.ndarray:
    """Objectives after a finetune, as shares of the reference point, at most 1."""
    return np.minimum(_values(proxies) * (_LEFT, 1.0, 1.0) / np.array(reference_point(proxies)), 1.0)


def _beats(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether one is about as good in everything, and clearly better in something."""
    return bool((one <= _AS_GOOD * other).all() and (_AS_GOOD * one < other).any())


def _best(some: Sequence[int], scaled: np.ndarray, count: int) -> list[int]:
    """By non-dominated rank among them, then by what each adds to the hypervolume of its rank."""
    if not len(some):
        return []
    own = scaled[list(some)]
    ranks, added = moocore.pareto_rank(own), np.zeros(len(own))
    for rank in np.unique(ranks):
        of_rank = np.flatnonzero(ranks == rank)
        added[of_rank] = moocore.hv_contributions(own[of_rank], ref=[1.0, 1.0, 1.0])
    return [some[i] for i in np.lexsort((-added, ranks))[:count]]
