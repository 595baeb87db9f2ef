"""Who goes on from a cheap fidelity to a dear one."""

from collections.abc import Sequence

import moocore
import numpy as np

from search.front.pareto import reference_point
from search.study.candidate import Candidate
from spaces import Assignment


def promoted(candidates: Sequence[Candidate], count: int) -> list[Assignment]:
    """The mixed candidates worth a finetune: by non-dominated rank, then by what each adds to the hypervolume of it."""
    mixed = [m for m in candidates if not m.uniform]
    if not mixed:
        return []
    values = np.array([m.objectives for m in mixed]) / np.array(reference_point(candidates))
    ranks = moocore.pareto_rank(values)
    added = np.zeros(len(mixed))
    for rank in np.unique(ranks):
        own = np.flatnonzero(ranks == rank)
        added[own] = moocore.hv_contributions(np.minimum(values[own], 1.0), ref=[1.0, 1.0, 1.0])
    return [mixed[i].assignment for i in np.lexsort((-added, ranks))[:count]]
