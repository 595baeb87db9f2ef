"""Shrunken WERs of a study's candidates: what a choice among them should rest on."""

from collections.abc import Sequence

import moocore
import numpy as np

from search.shrinkage import Shrunken, shrink
from search.study.candidate import Candidate


def shrink_candidates(candidates: Sequence[Candidate]) -> Shrunken:
    """Estimates of log WER, in the order of the candidates."""
    columns = [[getattr(c, key) for c in candidates] for key in ("error", "error_low", "error_high", "loss")]
    return shrink(*(np.array(column, dtype=float) for column in columns))


def shrunken_front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that no other one dominates in shrunken WER, storage and runtime."""
    if not candidates:
        return []
    costs = np.array([(c.storage_mb, c.runtime) for c in candidates])
    values = np.column_stack([shrink_candidates(candidates).mean, costs])
    keep = moocore.is_nondominated(values, keep_weakly=False)
    return [c for c, kept in zip(candidates, keep, strict=True) if kept]
