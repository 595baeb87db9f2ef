"""Does a search beat the grid that a person would write by hand? ``python -m tests.benchmarks.grid --seeds 3 --json``.

For each seed, of the sampler and of the finetunes, a search that trains, and every row of the grid (all weight by all
activation widths, of the whole model, and with its rest in fp16, w4a8 and w4a4) with the same finetune. What is
compared was chosen on the development corpus and is told on the test corpus. It goes on where it was stopped;
``results/`` beside this file holds every candidate, in a table named after the study.
"""

import argparse
import json
import re
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from search.front.pareto import front, test_gain
from search.front.shrunken import shrink_candidates
from search.hypervolume import hypervolume, reference_beyond
from search.stages.run import measure_study, search_study
from search.stages.stage import RunContext, run_stage
from search.study.candidate import Candidate
from search.study.study_file import StudyFile
from search.views.screen import SearchLine, StatusLine
from spaces import Assignment, Precision

STUDY = Path("studies/pocket/grid.toml")
RESULTS = Path(__file__).with_name("results")
_LESS = 0.9  # of a row's bytes or runtime, at an equal WER, is better too
FIRST = "front_end.conv0"
# formats of weights and activations that a person would try; the others only cost
RESTS = {"w4a4", "w4a8", "fp16"}
GRID = [f"w{w}a{a}" for w in (1, 2, 4, 8) for a in (2, 4, 8, 16)] + ["w1a1", "fp16"]


@dataclass(frozen=True)
class Measured:
    """Of one seed: the search's first candidates by budget, the grid's rows, and those of somebody who was told."""

    searched: dict[int, list[Candidate]]
    grid: list[Candidate]
    told: list[Candidate]


@dataclass(frozen=True)
class Verdict:
    """One seed at a number of evaluations; the grid has all of its rows, however many those are."""

    seed: int
    evaluations: int
    grid_evaluations: int
    ratio: float
    ratio_test: float
    dominated: int
    worse: list[str]
    better: list[str]
    rows_on_front: int


def grid_names(file: StudyFile) -> list[str]:
    """The rows that the study's space holds: of the whole model, and with its rest in fp16 and at 4-bit weights."""
    there = file.search_space.rows
    rests = {name.partition("+")[2] for name in there.grid} & RESTS
    wanted = {there.of(name) for name in GRID}
    wanted |= {there.of(f"{name}+{rest}") for name in GRID if "16" not in name for rest in rests}
    return [name for name, row in there.grid.items() if row in wanted]


def told_rows(file: StudyFile) -> dict[str, Assignment]:
    """The rows of somebody who was told what the search found: with 8-bit activations for the first convolution.

    It hears raw audio; all else that is not in a block is at w4a4.
    """
    rows = file.search_space.rows
    cheap = {name: rows.of(f"{name}+w4a4") for name in GRID}
    first = Precision.parse("w4a8")
    return {
        f"{name}+w4a4, conv0 a8": Assignment({**row, FIRST: first})
        for name, row in cheap.items()
        if row in rows.grid.values() and row.get(FIRST, first) != first
    }


def seeded(study: Path, seed: int, name: str = "") -> StudyFile:
    """A study of its own, of the same settings, with this seed of the sampler and of the finetunes."""
    path = study.with_name("-".join(filter(None, (study.stem, name, f"seed{seed}"))) + ".toml")
    text, found = re.subn(r"(?m)^\[(search|finetune)\].*$", rf"\g<0>\nseed = {seed}", study.read_text())
    if found != 2:
        sys.exit(f"{study}: wants a [search] and a [finetune] of its own, for the seeds")
    path.write_text(text)
    return StudyFile.load(path)


def run(study: Path, seed: int, budgets: Sequence[int], told: bool = False) -> Measured:
    """A search up to each budget and the rows, all scored on the test corpus; with ``told`` those rows too."""
    base = seeded(study, seed)
    searched: dict[int, list[Candidate]] = {}
    for budget in budgets:
        searched[budget] = _going_on(base.with_search({"trials": budget - len(base.uniform)}), search_study)
    last = {c.assignment for c in searched[budgets[-1]]}
    grid = [base.search_space.rows.of(name) for name in grid_names(base)]
    names = {row: name for name, row in told_rows(base).items()} if told else {}
    rows = [*grid, *names]
    everyone = _going_on(base, lambda file, context: measure_study(file, rows, context))
    ordered = sorted((c for c in everyone if c.assignment in last), key=lambda c: c.number)
    # what is scored on the test corpus later is scored at every budget
    at = {budget: ordered[:budget] for budget in budgets}
    return Measured(
        at, [c for c in everyone if c.assignment in grid],
        [replace(c, name=names[c.assignment]) for c in everyone if c.assignment in names],
    )  # fmt: skip


def _going_on(file: StudyFile, stage: Callable[[StudyFile, RunContext], list[Candidate]]) -> list[Candidate]:
    with StatusLine() as line:
        found, stopped = run_stage(file, stage, SearchLine(line))
    if stopped:
        sys.exit("stopped; the same command goes on")
    return found


def judge(seed: int, searched: Sequence[Candidate], grid: Sequence[Candidate]) -> Verdict:
    """The search's candidates, chosen on the development corpus, against the grid's."""
    baselines = [c for c in grid if c.baseline]
    own, theirs = ([c for c in front(some) if c.test] for some in (searched, grid))
    # what is worse than the reference counts for nothing: some rows of few bits collapse
    theirs = [c for c in theirs if c.error < reference_beyond([b.objectives for b in baselines])[0]]
    estimates = dict(zip(searched, shrink_candidates(searched).wer.tolist(), strict=True))

    def best(row: Candidate, storage: float = 1.0, runtime: float = 1.0) -> Candidate | None:
        fitting = [c for c in own if c.storage_mb <= storage * row.storage_mb and c.runtime <= runtime * row.runtime]
        return min(fitting, key=lambda c: estimates[c], default=None)

    worse, better = [], []
    for row in theirs:
        chosen = best(row)
        if chosen is None or _gain(row, chosen)[1] > 0:
            worse.append(row.name)
        cheaper = [c for c in (best(row, storage=_LESS), best(row, runtime=_LESS)) if c is not None]
        if (chosen is not None and _gain(chosen, row)[1] > 0) or any(_gain(row, c)[1] <= 0 for c in cheaper):
            better.append(row.name)
    dominated = [c for c in own if not c.uniform and any(_dominates(r, c) for r in grid)]
    dev, test = (_ratio(own, theirs, baselines, values) for values in (_dev, _test))
    return Verdict(seed, len(searched), len(grid), dev, test, len(dominated), worse, better, len(theirs))


def _ratio(
    own: Sequence[Candidate],
    theirs: Sequence[Candidate],
    baselines: Sequence[Candidate],
    values: Callable[[Candidate], tuple[float, float, float]],
) -> float:
    """Hypervolume of the one front over that of the other."""
    reference = reference_beyond([values(c) for c in baselines])
    mine, other = (hypervolume([values(c) for c in some], reference) for some in (own, theirs))
    return mine / other


def _dev(c: Candidate) -> tuple[float, float, float]:
    return c.objectives


def _test(c: Candidate) -> tuple[float, float, float]:
    assert c.on_test is not None
    return c.on_test.percent, c.storage_mb, c.runtime


def _dominates(one: Candidate, other: Candidate) -> bool:
    a, b = np.array(one.objectives), np.array(other.objectives)
    return bool((a <= b).all() and (a < b).any())


def _gain(better: Candidate, worse: Candidate) -> tuple[float, float, float]:
    """WER points on the test corpus by which one is below the other."""
    found = test_gain(better, worse)
    assert found is not None
    return found


def table(study: str, seed: int, source: str, candidates: Sequence[Candidate]) -> list[dict[str, object]]:
    """Rows of the CSV, in the order in which they were measured."""
    return [
        {
            "study": study, "seed": seed, "source": source, "name": c.name, "evaluations": i,
            c.measure: round(c.error, 3), f"test_{c.measure}": round(c.on_test.percent, 3) if c.on_test else None,
            "storage_mb": round(c.storage_mb, 6), "runtime": round(c.runtime, 5), "loss": round(c.loss, 5),
            "assignment": c.assignment.to_json() if not c.uniform else "",
        }
        for i, c in enumerate(sorted(candidates, key=lambda c: c.number), 1)
    ]  # fmt: skip


def summary(verdicts: Sequence[Verdict]) -> dict[str, object]:
    """Medians over seeds of the ratios, and the worst of the counts."""
    return {
        "ratio": round(statistics.median(v.ratio for v in verdicts), 4),
        "ratio_least": round(min(v.ratio for v in verdicts), 4),
        "ratio_test": round(statistics.median(v.ratio_test for v in verdicts), 4),
        "dominated": max(v.dominated for v in verdicts),
        "worse": max(len(v.worse) for v in verdicts),
        "better": round(statistics.median(len(v.better) / max(1, v.rows_on_front) for v in verdicts), 3),
    }


def main() -> None:
    """Run the seeds and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--study", type=Path, default=STUDY)
    parser.add_argument("--budgets", type=int, nargs="+", default=[40])
    parser.add_argument("--told", action="store_true", help="against rows of 8 bits for the first convolution too")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows: list[dict[str, object]] = []
    verdicts: dict[str, list[Verdict]] = {}
    for seed in range(chosen.seeds):
        found = run(chosen.study, seed, chosen.budgets, chosen.told)
        sources = {"grid": found.grid, "told": found.told, "search": found.searched[chosen.budgets[-1]]}
        for source, candidates in sources.items():
            rows += table(chosen.study.stem, seed, source, candidates)
        rivals = {"": found.grid} | ({" told": [*found.grid, *found.told]} if chosen.told else {})
        for budget, (who, rival) in product(chosen.budgets, rivals.items()):
            verdict = judge(seed, found.searched[budget], rival)
            verdicts.setdefault(f"{budget}{who}", []).append(verdict)
            print(json.dumps({"rival": f"grid{who}", **asdict(verdict)}), file=sys.stderr)
        RESULTS.mkdir(exist_ok=True)
        pd.DataFrame(rows).to_csv(RESULTS / f"{chosen.study.stem}.csv", index=False)
    told = {against: summary(own) for against, own in verdicts.items()}
    print(json.dumps(told) if chosen.json else pd.DataFrame(told).to_string())


if __name__ == "__main__":
    main()
