"""Made-up candidates for tests that measure nothing."""

import math
from typing import Any

from hypothesis import strategies as st

from evaluators.models.families import pocket_config
from search.study.candidate import Candidate
from spaces import Architecture, SearchSpace

SPACE = SearchSpace(
    Architecture(pocket_config().to_dict()), weight_bits=[1, 2, 4, 8, 16], activation_bits=[1, 2, 4, 8, 16]
)
COSTS = st.tuples(st.floats(0, 100), st.floats(0.1, 10), st.floats(0.1, 1))


def member(error: float, storage_mb: float, runtime: float, number: int = 0, **more: Any) -> Candidate:
    """A candidate of made-up costs and errors; a row of the study where it is uniform."""
    values: dict[str, Any] = {
        "name": f"m{number}", "measure": "wer", "error_low": error - 1, "error_high": error + 1,
        "beside": None, "mean_bits": 3.0,
        "loss": math.nan, "uniform": False,
        "baseline": more.get("uniform", False),
        "errors": tuple([round(error)] * 20), "units": (100,) * 20, "seconds": 1.0, "test": None,
        "assignment": SPACE.decode({k: (number + i) % 5 for i, k in enumerate(SPACE.variables)}), **more,
    }  # fmt: skip
    return Candidate(number=number, error=error, storage_mb=storage_mb, runtime=runtime, **values)


def on_test_corpus(errors: int) -> dict[str, Any]:
    """Scores on a test corpus of 20 utterances of 100 words."""
    return {
        "wer": float(errors), "wer_low": errors - 1.0, "wer_high": errors + 1.0, "errors": [errors] * 20,
        "words": [100] * 20,
    }  # fmt: skip


EVERYONE = [member(30, 1, 0.2, 1), member(20, 2, 0.3, 2), member(10, 3, 0.6, 3), member(9, 5, 1.0, 4)]
