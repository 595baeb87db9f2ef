"""The rows of the recipes' comparison: what they are, how they are trained, and the files of their results.

A row is a JSON file in the study's folder, so the comparison goes on where it was stopped; other settings or speech
make other files, so that nothing is compared that cannot be.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evaluators.costs.paper import OURS
from evaluators.settings import FinetuneSettings, RecipesSettings
from search.study.inputs import inputs, other_input
from search.study.study_file import METHOD, StudyFile
from spaces import UserError


@dataclass(frozen=True)
class Row:
    """One training of the comparison: whose layers and widths, how many bits, whose quantizers, which seed and rate."""

    config: str
    bits: int
    recipe: str
    seed: int
    learning_rate: float

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.config}-{self.bits}bit-{self.recipe}-{self.seed}-{self.learning_rate:g}"


def trial_rows(file: StudyFile) -> list[Row]:
    """Each of the paper's recipes, and ours on its layers, at every width and rate, with the first seed.

    Raises:
        UserError: if the study has no section ``recipes``.
    """
    asked = _section(file)
    return [
        Row(config, bits, recipe, 0, rate)
        for bits in asked.bits
        for config in asked.names
        for recipe in (config, OURS)
        for rate in asked.learning_rates
    ]


def final_rows(file: StudyFile) -> list[Row]:
    """Every seed at the rate that did best on the development corpus, of each recipe and width that was tried."""
    tried: dict[tuple[str, int, str], list[tuple[float, Row]]] = {}
    for row in trial_rows(file):
        found = read_row(file, row)
        if found is not None:
            tried.setdefault((row.config, row.bits, row.recipe), []).append((found["dev_wer"], row))
    best = [min(some, key=lambda one: one[0])[1] for some in tried.values()]
    return [replace(row, seed=seed) for seed in range(_section(file).seeds) for row in best]


def trainings(file: StudyFile) -> int:
    """How many there are in all, if none fails."""
    asked = _section(file)
    return 2 * len(asked.names) * len(asked.bits) * (len(asked.learning_rates) + asked.seeds - 1)


def _section(file: StudyFile) -> RecipesSettings:
    if file.recipes is None:
        raise UserError(f"{file.path}: recipes: missing; say steps and seeds there")
    return file.recipes


def row_path(file: StudyFile, row: Row) -> Path:
    """Where a row's result lies."""
    speech = (file.corpora.train, file.corpora.dev, file.corpora.test)
    corpora = [corpus.identity for corpus in speech if corpus is not None]
    content = json.dumps([METHOD, row_settings(file, row).model_dump(mode="json"), corpora], sort_keys=True)
    return file.home / "recipes" / f"{row.name}-{hashlib.sha256(content.encode()).hexdigest()[:8]}.json"


def row_settings(file: StudyFile, row: Row) -> FinetuneSettings:
    """How a row is trained."""
    said = {"steps": _section(file).steps, "learning_rate": row.learning_rate, "seed": row.seed}
    return file.finetune.model_copy(update=said).as_the_paper


def read_row(file: StudyFile, row: Row) -> dict[str, Any] | None:
    """What a row came to, or None where it was not trained or its file is torn."""
    try:
        found = json.loads(row_path(file, row).read_text(encoding="utf-8"))
        same = other_input(found.get("inputs", {}), inputs(file)) is None  # else of another model: trained anew
        return found if isinstance(found["dev_wer"], float) and same else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
