"""The paper's recipes beside ours: each row of its Table 1 trained anew on the study's own data, at equal steps."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluators.costs import paper
from evaluators.costs.runtime import runtime
from evaluators.error_rate import ErrorCounts, paired_gain
from search.running.dispatch import dispatch
from search.running.job import Outcome, RecipeJob
from search.stages.stage import Progress, RunContext
from search.stages.verdict import counts, hopeless
from search.study.recipe_rows import Row, final_rows, read_row, trainings, trial_rows
from search.study.study_file import StudyFile
from spaces import UserError


def compare_recipes(file: StudyFile, context: RunContext) -> tuple[list[dict[str, Any]], list[str]]:
    """Train every row that is not there yet: all rates with one seed, then the best of each with the others.

    Returns:
        The results of the best rates, and a line for each row that failed.

    Raises:
        UserError: if the study has no section ``recipes``, an input is broken, the disk is full, or five rows in a row
            fail in the same way.
    """
    done = sum(read_row(file, row) is not None for row in {*trial_rows(file), *final_rows(file)})
    progress = Progress(trainings(file), done=done, stage="recipes", workers=context.executor.slots)
    failed: list[str] = []
    with context.working_on(file):
        for rows in (trial_rows, final_rows):
            if not context.stop():
                missing = [row for row in rows(file) if read_row(file, row) is None]
                failed += _train(file, missing, progress, context)
    return results(file), failed


def results(file: StudyFile) -> list[dict[str, Any]]:
    """What the rows that are there came to, each recipe and width at its best rate."""
    return [found for row in final_rows(file) if (found := read_row(file, row)) is not None]


def _train(file: StudyFile, waiting: Sequence[Row], progress: Progress, context: RunContext) -> list[str]:
    """Train some rows; a line for each that failed."""
    minutes = file.search.minutes_per_trial
    jobs = iter([RecipeJob(number=i, study=file.shipped, minutes=minutes, row=r) for i, r in enumerate(waiting)])
    failed: list[str] = []
    last: list[Outcome] = []
    given_up = ""

    def tick(running: int) -> None:
        progress.running = running
        context.on_progress(progress)

    def stopping() -> bool:
        return context.stop() or bool(given_up)

    for finished in dispatch(context.executor, lambda: next(jobs, None), stopping, tick):
        outcome = finished.outcome
        if outcome.failure is None:
            progress.done += 1
            progress.seconds.append(finished.seconds)
            last.clear()
        elif counts(outcome.failure):
            progress.failed += 1
            failed.append(f"{waiting[outcome.job.number].name}: {outcome.failure}: {outcome.message}")
            last.append(outcome)
            given_up = given_up or hopeless(last, file.home) or ""
    if given_up:  # what ran is written by now
        raise UserError(given_up)
    return failed


def compared(file: StudyFile, results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each recipe and width: rate, mean and range of the WERs, theirs and ours, costs, the published WER.

    By how many points ours is better is told for the seeds that both have, with its interval over utterances.
    Storage is counted as the paper does, the runtime of its own model too; that of others by bit operations.
    The published figure is of the paper's model on its data; it stands there to be compared in shape alone.
    """
    found = []
    for config, bits in dict.fromkeys((r["config"], r["bits"]) for r in results):
        of = [r for r in results if (r["config"], r["bits"]) == (config, bits)]
        theirs = {r["seed"]: r for r in of if r["recipe"] == config}
        ours = {r["seed"]: r for r in of if r["recipe"] == paper.OURS}
        both = sorted(theirs.keys() & ours.keys())
        if both:
            wers = {name: [rows[s]["wer"] for s in both] for name, rows in (("wer", theirs), ("ours", ours))}
            found.append(
                {
                    "recipe": config, "bits": bits, "seeds": len(both),
                    "learning_rate": theirs[both[0]]["learning_rate"], "our_rate": ours[both[0]]["learning_rate"],
                    "wer": float(np.mean(wers["wer"])), "wer_range": (min(wers["wer"]), max(wers["wer"])),
                    "ours": float(np.mean(wers["ours"])), "ours_range": (min(wers["ours"]), max(wers["ours"])),
                    "gain": paired_gain(_summed([ours[s] for s in both]), _summed([theirs[s] for s in both])),
                    "published": _published(config, bits), **_costs(file, config, bits),
                }
            )  # fmt: skip
    return found


def _summed(rows: Sequence[dict[str, Any]]) -> ErrorCounts:
    """The word errors of all seeds, utterance by utterance."""
    errors, words = (tuple(map(sum, zip(*(r[key] for r in rows), strict=True))) for key in ("errors", "words"))
    return ErrorCounts(errors, words)


def _costs(file: StudyFile, config: str, bits: int) -> dict[str, float]:
    assignment, method = paper.recipe_assignment(file.architecture.layers, config, bits), paper.RECIPES[config]
    storage = paper.storage_bytes(file.architecture, assignment, method) / 1e6
    try:
        share = paper.runtime(file.architecture, assignment, method)
    except UserError:
        share = runtime(file.architecture, assignment)
    return {"storage_mb": round(storage, 3), "runtime": round(share, 4)}


def _published(config: str, bits: int) -> float | None:
    """The WER of the row in the paper's Table 1."""
    method = paper.RECIPES[config]
    wanted = (method.row, str(method.precision(bits)))
    return next((r.wer for r in paper.TABLE1 if (r.model, r.precision) == wanted), None)
