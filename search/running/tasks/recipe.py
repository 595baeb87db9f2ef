"""Training a row of the recipes' comparison."""

from dataclasses import asdict
from typing import Any

from evaluators.costs.paper import recipe_assignment
from evaluators.data.load import load_corpus
from evaluators.files import write_json
from search.running.cache import evaluator_of, watch
from search.running.job import RecipeJob
from search.study.inputs import inputs
from search.study.recipe_rows import row_path, row_settings
from search.study.study_file import StudyFile


def train_row(job: RecipeJob) -> dict[str, Any]:
    """Train a row and write down its word errors: on the test corpus where there is one, to choose by on dev."""
    file, row = StudyFile.arrived(job.study), job.row
    layers = tuple(x for x in file.architecture.layers if x.block is not None)
    evaluator = evaluator_of(file, layers, None, row_settings(file, row))
    assignment = recipe_assignment(layers, row.config, row.bits)
    told = [evaluator.dev] if file.corpora.test is None else [evaluator.dev, load_corpus(file.corpora.test)]
    found = evaluator.measure_recipe(assignment, row.recipe, told, job.accumulation, watch(job))
    errors = found[-1].words
    result = {
        **asdict(row),
        "inputs": inputs(file),
        "dev_wer": found[0].words.rate,
        "wer": errors.rate,
        "errors": list(errors.errors),
        "words": list(errors.units),
    }
    write_json(result, row_path(file, row))
    return result
