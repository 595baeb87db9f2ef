"""The paper's recipes beside ours: each row of its Table 1 trained anew on the study's own data, at equal steps.

A row is a JSON file in the study's folder, so the comparison goes on where it was stopped; other settings or speech
make other files, so that nothing is compared that cannot be.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import paper
from evaluators.runtime import runtime
from evaluators.settings import FinetuneSettings, RecipeName
from evaluators.wer import WordErrors, paired_gain
from search.dispatch import dispatch
from search.driver import Desk, Progress, stop_if_hopeless
from search.retries import INNOCENT
from search.study_file import StudyFile
from search.worker import Job, Outcome, write_json
from spaces import UserError

_TABLE1 = {"sqwq": "SqWQ", "bit-l": "BiT-L", "bit-la": "BiT-LA"}


@dataclass(frozen=True)
class Row:
    """One training: whose layers and widths, how many bits, whose quantizers, and the seed of the batches."""

    config: RecipeName
    bits: int
    recipe: RecipeName
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
        for recipe in (config, "hubits")
    ]


def row_path(file: StudyFile, row: Row) -> Path:
    """Where a row's result lies."""
    heard = [c.model_dump(mode="json", exclude={"path", "outside"}) for c in (file.corpora.train, file.corpora.dev)]
    told = json.dumps([_settings(file, row).model_dump(mode="json"), heard], sort_keys=True)
    return file.home / "recipes" / f"{row.name}-{hashlib.sha256(told.encode()).hexdigest()[:8]}.json"


def _settings(file: StudyFile, row: Row) -> FinetuneSettings:
    """How a row is trained."""
    from evaluators.recipes import recipe_settings

    assert file.recipes is not None
    said = file.recipes.model_dump(include={"steps", "learning_rate"})
    return recipe_settings(file.finetune.model_copy(update={**said, "seed": row.seed}))


def measure_row(
    study: str, row: Row, accumulation: int = 1, on_step: Callable[[int, float], None] | None = None
) -> dict[str, Any]:
    """Train a row and write down its word errors."""
    import torch

    from evaluators.evaluator import Evaluator
    from evaluators.recipes import recipe_assignment

    file = StudyFile.load(Path(study))
    torch.set_num_threads(max(1, int(file.search.cpus_per_trial)))
    layers = tuple(x for x in file.architecture.layers if x.block is not None)
    evaluator = Evaluator(file.model.folder, None, layers, file.corpora.train, file.corpora.dev, _settings(file, row))
    assignment = recipe_assignment(layers, row.config, row.bits)
    errors = evaluator.measure_recipe(assignment, row.recipe, accumulation, on_step)
    result = {**asdict(row), "wer": errors.wer, "errors": list(errors.errors), "words": list(errors.words)}
    write_json(result, row_path(file, row))
    return result


def compare_recipes(file: StudyFile, desk: Desk) -> tuple[list[dict[str, Any]], list[str]]:
    """Train every row that is not there yet; all results that there are, and a line for each row that failed.

    Raises:
        UserError: if the study has no section ``recipes``, an input is broken, the disk is full, or five rows in a row
            fail in the same way.
    """
    rows = planned(file)
    waiting = [r for r in rows if _read_row(file, r) is None]
    progress = Progress(len(rows), done=len(rows) - len(waiting), stage="recipes", workers=desk.executor.slots)
    minutes = file.search.minutes_per_trial
    jobs = iter(
        [Job(i, "recipe", str(file.path), row=json.dumps(asdict(r)), minutes=minutes) for i, r in enumerate(waiting)]
    )
    failed: list[str] = []
    last: list[Outcome] = []

    def tick(running: int) -> None:
        progress.running = running
        desk.on_progress(progress)

    for finished in dispatch(desk.executor, lambda: next(jobs, None), desk.stopping, tick):
        outcome = finished.outcome
        if outcome.failure is None:
            progress.done += 1
            progress.seconds.append(finished.seconds)
            last.clear()
        elif outcome.failure not in INNOCENT or outcome.failure == "disk_full":
            progress.failed += 1
            failed.append(f"{waiting[outcome.job.number].name}: {outcome.failure}: {outcome.message}")
            last.append(outcome)
            stop_if_hopeless(last, file.home)
    return [found for r in rows if (found := _read_row(file, r)) is not None], failed


def _read_row(file: StudyFile, row: Row) -> dict[str, Any] | None:
    """What a row came to, or None where it was not trained or its file is torn."""
    try:
        found = json.loads(row_path(file, row).read_text(encoding="utf-8"))
        return found if isinstance(found["wer"], float) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def compared(file: StudyFile, results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each recipe and width: mean and range of the WERs, theirs and ours, costs, and the published WER.

    By how many points ours is better is told for the seeds that both have, with its interval over utterances.
    Storage is counted as the paper does, the runtime of its own model too; that of others by bit operations.
    The published figure is of the paper's model on its data; it stands there to be compared in shape alone.
    """
    found = []
    for config, bits in dict.fromkeys((r["config"], r["bits"]) for r in results):
        of = [r for r in results if (r["config"], r["bits"]) == (config, bits)]
        theirs = {r["seed"]: r for r in of if r["recipe"] == config}
        ours = {r["seed"]: r for r in of if r["recipe"] == "hubits"}
        both = sorted(theirs.keys() & ours.keys())
        if both:
            wers = {name: [rows[s]["wer"] for s in both] for name, rows in (("wer", theirs), ("ours", ours))}
            found.append(
                {
                    "recipe": config, "bits": bits, "seeds": len(both),
                    "wer": float(np.mean(wers["wer"])), "wer_range": (min(wers["wer"]), max(wers["wer"])),
                    "ours": float(np.mean(wers["ours"])), "ours_range": (min(wers["ours"]), max(wers["ours"])),
                    "gain": paired_gain(_summed([ours[s] for s in both]), _summed([theirs[s] for s in both])),
                    "published": _published(config, bits), **_costs(file, config, bits),
                }
            )  # fmt: skip
    return found


def _summed(rows: Sequence[dict[str, Any]]) -> WordErrors:
    """The word errors of all seeds, utterance by utterance."""
    errors, words = (tuple(map(sum, zip(*(r[key] for r in rows), strict=True))) for key in ("errors", "words"))
    return WordErrors(errors, words)


def _costs(file: StudyFile, config: RecipeName, bits: int) -> dict[str, float]:
    from evaluators.recipes import recipe_assignment

    assignment, method = recipe_assignment(file.architecture.layers, config, bits), _TABLE1[config]
    storage = paper.storage_bytes(file.architecture, assignment, method) / 1e6
    try:
        share = paper.runtime(file.architecture, assignment, method)
    except UserError:
        share = runtime(file.architecture, assignment)
    return {"storage_mb": round(storage, 3), "runtime": round(share, 4)}


def _published(config: str, bits: int) -> float | None:
    """The WER of the row in the paper's Table 1."""
    precision = f"w{bits}a{8 if config == 'sqwq' else bits}"
    return next((r.wer for r in paper.TABLE1 if (r.model, r.precision) == (_TABLE1[config], precision)), None)
