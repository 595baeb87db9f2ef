"""Shrunken WERs of a study's candidates: what a choice among them should rest on."""

from collections.abc import Sequence

import numpy as np

from search.shrinkage import Shrunken, shrink
from search.study.candidate import Candidate


def shrink_candidates(candidates: Sequence[Candidate]) -> Shrunken:
    """Estimates of log WER, in the order of the candidates."""
    columns = [[getattr(c, key) for c in candidates] for key in ("wer", "wer_low", "wer_high", "loss")]
    return shrink(*(np.array(column, dtype=float) for column in columns))
