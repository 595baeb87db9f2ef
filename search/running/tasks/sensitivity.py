"""What each choice costs on its own: the divergence of the supernet with one choice lowered and all others at the top.

One forward pass for each rung of each choice, no training. The table is kept in the study's folder, where the report
finds it.
"""

from collections.abc import Callable
from typing import Any

from evaluators.files import write_json
from search.running.cache import study_evaluator
from search.running.job import SensitivityJob
from search.study.layout import sensitivity_path
from search.study.study_file import StudyFile

Table = dict[str, list[float]]


def measure_sensitivity(file: StudyFile, on_step: Callable[[int, int, float], None]) -> Table:
    """KL a frame that each rung of each choice adds over the top rung, lowest rung first; written to the folder."""
    _, evaluator = study_evaluator(str(file.path))
    space = file.search_space
    top = {name: rungs - 1 for name, rungs in space.variables.items()}
    base = evaluator.divergence(space.decode(top))
    total, done = sum(space.variables.values()), 0
    table: Table = {}
    for name, rungs in space.variables.items():
        table[name] = []
        for rung in range(rungs):
            lowered = space.decode({**top, name: rung})
            table[name].append(evaluator.divergence(lowered) - base if rung < rungs - 1 else 0.0)
            done += 1
            on_step(done, total, table[name][-1])
    write_json(table, sensitivity_path(file))
    return table


def measure_wer(file: StudyFile, on_step: Callable[[int, int, float], None]) -> Table:
    """WER points that each rung of each choice adds over the top rung on the development corpus, lowest rung first.

    Dearer than the divergence, a pass over the corpus for each rung, and told in whole word errors; the search does not
    use it.
    """
    _, evaluator = study_evaluator(str(file.path))
    space, untrained = file.search_space, file.at("supernet").finetune
    top = {name: rungs - 1 for name, rungs in space.variables.items()}
    base = evaluator.measure(space.decode(top), untrained).score.errors.wer
    total, done = sum(rungs - 1 for rungs in space.variables.values()), 0
    table: Table = {}
    for name, rungs in space.variables.items():
        table[name] = []
        for rung in range(rungs - 1):
            errors = evaluator.measure(space.decode({**top, name: rung}), untrained).score.errors
            table[name].append(errors.wer - base)
            done += 1
            on_step(done, total, table[name][-1])
        table[name].append(0.0)
    return table


def sensitivity(job: SensitivityJob) -> dict[str, Any]:
    """The table of a study, as a worker's result."""
    file, _ = study_evaluator(job.study)
    return {"table": measure_sensitivity(file, lambda *_: None)}
