"""Estimated runtime of an assignment under a named model. These are estimates: nothing is run on a low-bit machine.

- ``bitops``: multiply-adds of the whole model weighted by (w a + max(w, a)) / 72, relative to the same model in fp16,
  so that w8a8 costs what fp16 does. The default.
- ``paper``: the accounting of arXiv 2301.00652, for its model alone (``evaluators.paper``).
"""

from typing import Literal

from evaluators import paper
from spaces.architecture import Architecture
from spaces.assignment import Assignment

RuntimeModel = Literal["bitops", "paper"]
SECONDS = 10.0  # length of the utterance that is counted: attention products grow with its square


def runtime(architecture: Architecture, assignment: Assignment, model: RuntimeModel = "bitops") -> float:
    """Estimated runtime relative to fp16.

    Raises:
        UserError: if the paper's accounting is asked for another model than the paper's.
    """
    if model == "paper":
        return paper.runtime(architecture, assignment)
    counts = architecture.multiply_adds(SECONDS)
    spent = sum(n * (assignment[name].cost if name != "lm_head" else 1.0) for name, n in counts.items())
    return spent / sum(counts.values())
