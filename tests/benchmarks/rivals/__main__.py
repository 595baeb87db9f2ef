"""Is another optimiser better at this? ``python -m tests.benchmarks.rivals --seeds 1 --json``; it goes on.

Searches that train: each rival starts from the rows that our search of the grid's benchmark measured before its sampler
was asked, and proposes as many candidates. Run ``tests.benchmarks.grid`` with the same budgets before. What counts is
the hypervolume of what was measured so far. ``results/rivals.csv`` holds every candidate.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from search.front.pareto import reference_point
from search.hypervolume import hypervolume
from search.samplers.context import SamplerAt, SamplerContext
from search.samplers.make import make_sampler
from search.stages.driver import Driver
from search.stages.stage import RunContext, run_stage
from search.study.candidate import Candidate
from search.study.records import TEST, candidates, costs, open_study
from search.study.study_file import StudyFile
from search.views.screen import SearchLine, StatusLine
from tests.benchmarks.grid import RESULTS as GRIDS
from tests.benchmarks.grid import STUDY, seeded, table
from tests.benchmarks.rivals.amq import AmqSampler

RESULTS = Path(__file__).parents[1] / "results" / "rivals.csv"
RIVALS = ("tpe", "nsga2", "gp", "amq", "ehvi", "random")
MARKS = (20, 40, 60, 100)


def sampler_of(name: str, file: StudyFile) -> SamplerAt:
    """The rival of a name, with the settings that suit a space of some twenty choices."""
    space = file.search_space

    @cache
    def exact(choices: tuple[tuple[str, int], ...]) -> tuple[float, float]:
        return costs(file, space.decode(dict(choices)))

    def arithmetic(choices: dict[str, int]) -> tuple[float, float]:
        return exact(tuple(choices.items()))

    if name == "ehvi":
        from tests.benchmarks.rivals.ehvi import EhviSampler  # BoTorch is an extra

        return lambda asked: EhviSampler(arithmetic, len(file.uniform), file.search.seed * 1000 + asked)
    if name == "amq":
        return lambda asked: AmqSampler(arithmetic, file.search.seed * 1000 + asked)
    return make_sampler(name, SamplerContext(arithmetic, file.search.seed))


def ours(seed: int, study: Path, budget: int) -> list[Candidate]:
    """The first that our own search measured, in its order; rows of the grid that were measured after it are not."""
    file = StudyFile.load(study.with_name(f"{study.stem}-seed{seed}.toml"))
    told = pd.read_csv(GRIDS / f"{study.stem}.csv")
    searched = set(told[(told.source == "search") & (told.seed == seed)].name)
    measured = sorted(candidates(file, open_study(file, create=False)), key=lambda c: c.number)
    return [c for c in measured if c.name in searched][:budget]


def rival(name: str, seed: int, study: Path, trials: int, start: Sequence[Candidate]) -> list[Candidate]:
    """A search by a rival from the same start, which is not measured a second time."""
    file = seeded(study, seed, name).with_search({"trials": trials})
    file = file.model_copy(update={"corpora": file.corpora.model_copy(update={"test": None})})
    _taken_over(file, StudyFile.load(study.with_name(f"{study.stem}-seed{seed}.toml")), start)

    def search(file: StudyFile, context: RunContext) -> list[Candidate]:
        with context.working_on(file):
            return Driver(file, context, sampler_of(name, file)).run()

    with StatusLine() as line:
        found, stopped = run_stage(file, search, SearchLine(line))
    if stopped:
        sys.exit("stopped; the same command goes on")
    return sorted(found, key=lambda c: c.number)


def _taken_over(file: StudyFile, source: StudyFile, start: Sequence[Candidate]) -> None:
    """Give a new study the trials of some candidates of another."""
    made, given = open_study(file, create=True), open_study(source, create=False)
    if made.get_trials(deepcopy=False):
        return
    for key, value in given.user_attrs.items():
        if key not in made.user_attrs and not key.startswith(TEST):
            made.set_user_attr(key, value)
    numbers = {c.number for c in start}
    made.add_trials([t for t in given.get_trials(deepcopy=False) if t.number in numbers])


def growth(found: Sequence[Candidate]) -> dict[int, float]:
    """Hypervolume after so many candidates."""
    reference = reference_point(found)
    return {mark: hypervolume([c.objectives for c in found[:mark]], reference) for mark in MARKS if mark <= len(found)}


def main() -> None:
    """Run the rivals and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--study", type=Path, default=STUDY)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--samplers", nargs="+", choices=RIVALS, default=["tpe", "nsga2", "amq"])
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows: list[dict[str, object]] = []
    told: dict[str, list[dict[int, float]]] = {}
    for seed in range(chosen.seeds):
        own = ours(seed, chosen.study, chosen.budget)
        start = [c for c in own if c.uniform]
        baselines = sum(c.baseline for c in own)
        runs = {"hubits": own}
        for name in chosen.samplers:
            runs[name] = rival(name, seed, chosen.study, chosen.budget - baselines, start)[: chosen.budget]
            RESULTS.parent.mkdir(exist_ok=True)
        for name, found in runs.items():
            rows += table(chosen.study.stem, seed, name, found)
            told.setdefault(name, []).append({m: round(v, 4) for m, v in growth(found).items()})
            print(json.dumps({"seed": seed, "sampler": name, **told[name][-1]}), file=sys.stderr)
        pd.DataFrame(rows).to_csv(RESULTS, index=False)
    print(json.dumps(told) if chosen.json else pd.DataFrame({n: v[0] for n, v in told.items()}).to_string())


if __name__ == "__main__":
    main()
