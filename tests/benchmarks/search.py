"""Compare samplers: ``python -m tests.benchmarks.search --seeds 10``; started again, it goes on.

Each sampler measures the same first candidates and then proposes; what counts is the hypervolume of everything measured
so far, as a share of the best known. What each run found is kept in ``.benchmarks/search``;
``results/search.csv`` is made of it and ``.benchmarks/search.html`` shows it; the medians are printed.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import plotly.graph_objects as go
from optuna.distributions import IntDistribution
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from plotly.colors import qualitative
from plotly.subplots import make_subplots

from search.hypervolume import hypervolume
from search.samplers.context import SamplerContext
from search.samplers.proposals import greedy_path, saving
from search.samplers.surrogate import SurrogateSampler
from tests.benchmarks.problems import Choices, Costs, Problem, additive, agreements, held_out_error, recorded

RESULTS = Path(__file__).with_name("results") / "search.csv"
RUNS = Path(".benchmarks/search")
SENSITIVITY = Path("studies/pocket/results/sensitivity.json")
PROBLEMS = ("pocket", "additive", "pairs")
MARKS = (20, 40, 80, 160, 200)
_PROXIES = 96


def _some(problem: Problem, seed: int) -> list[tuple[Choices, float]]:
    """As many proxies as a study might ask for, drawn from those recorded."""
    picks = np.random.default_rng(seed).permutation(len(problem.proxies))[:_PROXIES]
    return [problem.proxies[i] for i in picks]


def _ours(problem: Problem, seed: int, **known: Any) -> BaseSampler:
    """Our own, with what is known of a problem."""
    return SurrogateSampler(SamplerContext(problem.costs, seed, **known))


SAMPLERS: dict[str, Callable[[Problem, int], BaseSampler]] = {
    "hubits": lambda problem, seed: _ours(problem, seed, sensitivity=problem.lost),
    "hubits-proxies": lambda problem, seed: _ours(
        problem, seed, sensitivity=problem.lost, proxies=_some(problem, seed)
    ),
    "hubits-blind": lambda problem, seed: _ours(problem, seed),
    "nsga2": lambda _, seed: NSGAIISampler(population_size=20, seed=seed),
    "tpe": lambda _, seed: TPESampler(seed=seed),
    "tpe-multivariate": lambda _, seed: TPESampler(multivariate=True, seed=seed),
    "random": lambda _, seed: RandomSampler(seed=seed),
    "gp": lambda _, seed: GPSampler(seed=seed),
}
GREEDY = "greedy"


@cache
def problem_of(name: str) -> Problem:
    """A problem by its name."""
    if name == "pocket":
        return recorded(json.loads(SENSITIVITY.read_text()))
    return additive(pairs=name == "pairs")


def run(problem: Problem, sampler: BaseSampler, evaluations: int, seed: int = 0) -> list[Costs]:
    """The true costs of everything measured, in order; the sampler is told noisy ones where the problem has noise."""
    study = optuna.create_study(directions=["minimize"] * 3, sampler=sampler)
    for choices in problem.first:
        study.enqueue_trial(choices)
    found: list[Costs] = []
    rng = np.random.default_rng(seed)
    for _ in range(evaluations):
        trial = study.ask({name: IntDistribution(0, rungs - 1) for name, rungs in problem.rungs.items()})
        wer, costs = problem.wer(trial.params), problem.costs(trial.params)
        found.append((wer, *costs))
        study.tell(trial, (wer * float(np.exp(problem.noise * rng.standard_normal())), *costs))
    return found


def greedy(problem: Problem, evaluations: int) -> list[Costs]:
    """The sensitivity-greedy path by storage from the top to the bottom, measured at even distances."""
    steps = greedy_path(problem.rungs, problem.lost, saving(lambda choices: problem.costs(choices)[0]))[1:]
    wanted = np.unique(np.linspace(0, len(steps) - 1, evaluations - len(problem.first)).astype(int))
    measured = [*problem.first, *(steps[i] for i in wanted)]
    return [(problem.wer(c), *problem.costs(c)) for c in measured]


def one_run(name: str, sampler: str, seed: int, evaluations: int, folder: Path) -> float:
    """Make a run and keep it, unless it is kept already; seconds a proposal."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = folder / f"{name}-{sampler}-{seed}-{evaluations}.json"
    if path.exists():
        return float(json.loads(path.read_text())["seconds"])
    problem = problem_of(name)
    started = time.perf_counter()
    found = run(problem, SAMPLERS[sampler](problem, seed), evaluations, seed)
    seconds = (time.perf_counter() - started) / evaluations
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"found": found, "seconds": seconds}))
    return seconds


def table(name: str, seeds: int, evaluations: int, folder: Path) -> pd.DataFrame:
    """A row for each sampler, seed and mark of the runs that are kept; hypervolume as a share of the best known."""
    problem = problem_of(name)
    marks = [m for m in MARKS if m <= evaluations]
    runs: dict[tuple[str, int, int], list[Costs]] = {}
    for sampler in SAMPLERS:
        for seed in range(seeds):
            path = folder / f"{name}-{sampler}-{seed}-{evaluations}.json"
            if path.exists():
                found = [tuple(c) for c in json.loads(path.read_text())["found"]]
                runs |= {(sampler, seed, m): found[:m] for m in marks}
    for mark in marks:
        found = greedy(problem, mark)
        runs |= {(GREEDY, seed, mark): found for seed in range(seeds)}
    best = problem.best or hypervolume([c for found in runs.values() for c in found], problem.reference)
    rows = [(name, *key, hypervolume(found, problem.reference) / best) for key, found in runs.items()]
    return pd.DataFrame(rows, columns=["problem", "sampler", "seed", "evaluations", "hypervolume"])


def medians(frame: pd.DataFrame) -> str:
    """Median hypervolume by problem, sampler and evaluations, as text."""
    pivot = frame.pivot_table("hypervolume", ["problem", "sampler"], "evaluations", aggfunc="median")
    return str(pivot.round(4).to_string())


def draw(frame: pd.DataFrame) -> go.Figure:
    """Median share of the best known hypervolume by evaluations, a panel a problem; bars from worst to best seed."""
    problems = list(dict.fromkeys(frame["problem"]))
    figure = make_subplots(1, len(problems), subplot_titles=problems, horizontal_spacing=0.05)
    colours = dict(zip(dict.fromkeys(frame["sampler"]), qualitative.D3, strict=False))
    for column, problem in enumerate(problems, 1):
        own = frame[frame["problem"] == problem]
        for sampler, rows in own.groupby("sampler", sort=False):
            spread = rows.groupby("evaluations")["hypervolume"].agg(["median", "min", "max"])
            figure.add_trace(
                go.Scatter(
                    x=spread.index, y=spread["median"], name=str(sampler), legendgroup=str(sampler),
                    showlegend=column == 1, mode="lines+markers",
                    line={"color": colours[sampler], "width": 4 if sampler == "hubits" else 2},
                    error_y={
                        "type": "data", "array": spread["max"] - spread["median"],
                        "arrayminus": spread["median"] - spread["min"], "thickness": 1, "width": 2,
                    },
                ), 1, column,
            )  # fmt: skip
    figure.update_xaxes(title_text="evaluations")
    figure.update_yaxes(title_text="share of the best known hypervolume", col=1)
    figure.update_layout(
        template="plotly_white", width=1160, height=480, margin={"t": 40, "b": 50, "l": 60, "r": 20},
        legend={"orientation": "h", "y": -0.18},
    )  # fmt: skip
    return figure


def seeds_of(name: str, sampler: str, chosen: argparse.Namespace) -> int:
    """How many seeds a sampler runs on a problem: proxies were recorded for one problem, Optuna's GP takes seconds."""
    if sampler == "hubits-proxies" and name != "pocket":
        return 0
    return min(chosen.seeds, chosen.gp_seeds) if sampler == "gp" else int(chosen.seeds)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--gp-seeds", type=int, default=10, help="of Optuna's GP, which takes seconds a proposal")
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--samplers", nargs="+", choices=list(SAMPLERS), default=list(SAMPLERS))
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # a process a core, each with one thread
    wanted = [
        (name, sampler, seed, chosen.evaluations, RUNS)
        for seed in range(chosen.seeds)
        for name in chosen.problems
        for sampler in chosen.samplers
        if seed < seeds_of(name, sampler, chosen)
    ]
    with ProcessPoolExecutor(chosen.workers, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(one_run, *run): run for run in wanted}
        for done, job in enumerate(as_completed(jobs), 1):
            name, sampler, seed, *_ = jobs[job]
            line = f"{done}/{len(jobs)} {name} {sampler} seed {seed}: {job.result():.3f} s a proposal"
            print(line, file=sys.stderr, flush=True)
    frames = [table(name, chosen.seeds, chosen.evaluations, RUNS) for name in chosen.problems]
    if "pocket" in chosen.problems:
        print(f"pocket: held-out error of the table's model {held_out_error():.3f} in log WER")
        for what, correlation in agreements(problem_of("pocket").lost).items():
            print(f"pocket: {what}: {correlation:.3f}")
    frame = pd.concat(frames)
    print(medians(frame))
    if set(chosen.samplers) == set(SAMPLERS) and set(chosen.problems) == set(PROBLEMS):
        RESULTS.parent.mkdir(exist_ok=True)
        frame.round(6).to_csv(RESULTS, index=False)
        draw(frame).write_html(RUNS.with_suffix(".html"))


if __name__ == "__main__":
    main()
