"""What each choice costs on its own: the supernet without a step, with one choice moved and all others at the middle.

In the middle of the ladders, where searches work: from the top alone a choice is seen before anything else loses. One
forward pass for each rung of each choice, no training.
"""

from typing import Any

from search.running.cache import study_evaluator
from search.running.job import SensitivityJob
from spaces import Assignment


def sensitivity(job: SensitivityJob) -> dict[str, Any]:
    """What each rung of each named choice adds over its top rung, lowest rung first.

    KL a frame on one training batch; or WER points on the development corpus, dearer and in whole word errors.
    """
    file, evaluator = study_evaluator(job.study)
    space, untrained = file.search_space, file.at("supernet").finetune
    middle = {name: rungs // 2 for name, rungs in space.variables.items()}

    def cost(assignment: Assignment) -> float:
        if job.wer:
            return evaluator.measure(assignment, untrained).score.errors.words.rate
        return evaluator.divergence(assignment)

    table: dict[str, list[float]] = {}
    for name in job.names:
        costs = [cost(space.decode({**middle, name: rung})) for rung in range(space.variables[name])]
        table[name] = [one - costs[-1] for one in costs]
    return {"table": table}
