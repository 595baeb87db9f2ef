"""Training a row of the recipes' comparison."""

from dataclasses import asdict
from typing import Any

from evaluators.costs.paper import recipe_assignment
from evaluators.files import write_json
from search.running.cache import evaluator_of, watch
from search.running.job import RecipeJob
from search.study.inputs import inputs
from search.study.recipe_rows import row_path, row_settings
from search.study.study_file import StudyFile


def train_row(job: RecipeJob) -> dict[str, Any]:
    """Train a row and write down its word errors."""
    file, row = StudyFile.arrived(job.study), job.row
    layers = tuple(x for x in file.architecture.layers if x.block is not None)
    evaluator = evaluator_of(file, layers, None, row_settings(file, row))
    assignment = recipe_assignment(layers, row.config, row.bits)
    errors = evaluator.measure_recipe(assignment, row.recipe, job.accumulation, watch(job)).words
    result = {
        **asdict(row),
        "inputs": inputs(file),
        "wer": errors.rate,
        "errors": list(errors.errors),
        "words": list(errors.units),
    }
    write_json(result, row_path(file, row))
    return result
