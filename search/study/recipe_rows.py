"""The rows of the recipes' comparison: what they are, how they are trained, and the files of their results.

A row is a JSON file in the study's folder, so the comparison goes on where it was stopped; other settings or speech
make other files, so that nothing is compared that cannot be.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluators.costs.paper import OURS
from evaluators.settings import FinetuneSettings
from search.study.inputs import inputs, other_input
from search.study.study_file import METHOD, StudyFile
from spaces import UserError


@dataclass(frozen=True)
class Row:
    """One training of the recipes' comparison: whose layers and widths, how many bits, whose quantizers, which seed."""

    config: str
    bits: int
    recipe: str
    seed: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.config}-{self.bits}bit-{self.recipe}-{self.seed}"


def planned(file: StudyFile) -> list[Row]:
    """Every row that the study's section ``recipes`` asks for: each of the paper's recipes, and ours on its layers.

    Raises:
        UserError: if the study has no such section.
    """
    if file.recipes is None:
        raise UserError(f"{file.path}: recipes: missing; say steps and seeds there")
    return [
        Row(config, bits, recipe, seed)
        for seed in range(file.recipes.seeds)
        for bits in file.recipes.bits
        for config in file.recipes.names
        for recipe in (config, OURS)
    ]


def row_path(file: StudyFile, row: Row) -> Path:
    """Where a row's result lies."""
    corpora = [file.corpora.train.identity, file.corpora.dev.identity]
    content = json.dumps([METHOD, row_settings(file, row).model_dump(mode="json"), corpora], sort_keys=True)
    return file.home / "recipes" / f"{row.name}-{hashlib.sha256(content.encode()).hexdigest()[:8]}.json"


def row_settings(file: StudyFile, row: Row) -> FinetuneSettings:
    """How a row is trained."""
    assert file.recipes is not None
    said = file.recipes.model_dump(include={"steps", "learning_rate"})
    return file.finetune.model_copy(update={**said, "seed": row.seed}).as_the_paper


def read_row(file: StudyFile, row: Row) -> dict[str, Any] | None:
    """What a row came to, or None where it was not trained or its file is torn."""
    try:
        found = json.loads(row_path(file, row).read_text(encoding="utf-8"))
        same = other_input(found.get("inputs", {}), inputs(file)) is None  # else of another model: trained anew
        return found if isinstance(found["wer"], float) and same else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
