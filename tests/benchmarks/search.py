"""Compare samplers: ``python -m tests.benchmarks.search --seeds 10``.

Each sampler measures the same first candidates and then proposes; what counts is the hypervolume of everything measured
so far, as a share of the best known. Writes ``results/search.csv`` beside this file and prints the medians.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import IntDistribution
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from search.pareto import hypervolume
from search.proposals import greedy_path
from search.surrogate import SurrogateSampler
from tests.benchmarks.problems import Choices, Costs, Problem, additive, held_out_error, recorded

RESULTS = Path(__file__).with_name("results") / "search.csv"
SENSITIVITY = Path("studies/pocket/results/sensitivity.json")
MARKS = (20, 40, 80, 160, 200)

_PROXIES = 96


def _some(problem: Problem, seed: int) -> list[tuple[Choices, float]]:
    """As many proxies as a study might ask for, drawn from those recorded."""
    picks = np.random.default_rng(seed).permutation(len(problem.proxies))[:_PROXIES]
    return [problem.proxies[i] for i in picks]


SAMPLERS: dict[str, Callable[[Problem, int], BaseSampler]] = {
    "hubits": lambda problem, seed: SurrogateSampler(problem.costs, seed, sensitivity=problem.lost),
    "hubits-proxies": lambda problem, seed: SurrogateSampler(
        problem.costs, seed, sensitivity=problem.lost, proxies=_some(problem, seed)
    ),
    "hubits-no-sensitivity": lambda problem, seed: SurrogateSampler(problem.costs, seed),
    "nsga2": lambda _, seed: NSGAIISampler(population_size=20, seed=seed),
    "tpe": lambda _, seed: TPESampler(seed=seed),
    "tpe-multivariate": lambda _, seed: TPESampler(multivariate=True, seed=seed),
    "random": lambda _, seed: RandomSampler(seed=seed),
    "gp": lambda _, seed: GPSampler(seed=seed),
}


def run(problem: Problem, sampler: BaseSampler, evaluations: int) -> list[Costs]:
    """The costs of everything measured, in order."""
    study = optuna.create_study(directions=["minimize"] * 3, sampler=sampler)
    for choices in problem.first:
        study.enqueue_trial(choices)
    found: list[Costs] = []
    for _ in range(evaluations):
        trial = study.ask({name: IntDistribution(0, rungs - 1) for name, rungs in problem.rungs.items()})
        found.append((problem.wer(trial.params), *problem.costs(trial.params)))
        study.tell(trial, found[-1])
    return found


def greedy(problem: Problem, evaluations: int) -> list[Costs]:
    """The sensitivity-greedy path from the top to the bottom, measured at even distances."""

    steps = greedy_path(problem.rungs, problem.lost, lambda choices: problem.costs(choices)[0])[1:]
    wanted = np.unique(np.linspace(0, len(steps) - 1, evaluations - len(problem.first)).astype(int))
    measured = [*problem.first, *(steps[i] for i in wanted)]
    return [(problem.wer(c), *problem.costs(c)) for c in measured]


def compare(problem: Problem, samplers: list[str], seeds: int, evaluations: int) -> pd.DataFrame:
    """A row for each sampler, seed and mark; hypervolume as a share of the best that is known."""
    marks = [m for m in MARKS if m <= evaluations]
    rows = []
    everything: list[Costs] = []
    for name in samplers:
        for seed in range(seeds):
            started = time.perf_counter()
            found = run(problem, SAMPLERS[name](problem, seed), evaluations)
            everything += found
            asked = (time.perf_counter() - started) / evaluations
            rows += [(problem.name, name, seed, m, hypervolume(found[:m], problem.reference), asked) for m in marks]
            print(f"{problem.name} {name} seed {seed}: {asked:.3f} s a proposal", file=sys.stderr, flush=True)
    for mark in marks:
        found = greedy(problem, mark)
        everything += found
        rows += [(problem.name, "greedy", s, mark, hypervolume(found, problem.reference), 0.0) for s in range(seeds)]
    columns = ["problem", "sampler", "seed", "evaluations", "hypervolume", "seconds"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["hypervolume"] /= problem.best or hypervolume(everything, problem.reference)
    return frame


def medians(frame: pd.DataFrame) -> str:
    """Median hypervolume by problem, sampler and evaluations, as text."""
    table = frame.pivot_table("hypervolume", ["problem", "sampler"], "evaluations", aggfunc="median")
    return str(table.round(4).to_string())


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--problems", nargs="+", default=["pocket", "additive", "pairs"])
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS))
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    frames = []
    for name in arguments.problems:
        if name == "pocket":
            problem = recorded(json.loads(SENSITIVITY.read_text()))
            print(f"pocket: held-out error of the table's model {held_out_error():.3f} in log WER", file=sys.stderr)
        else:
            problem = additive(pairs=name == "pairs")
        frames.append(compare(problem, arguments.samplers, arguments.seeds, arguments.evaluations))
    frame = pd.concat(frames)
    RESULTS.parent.mkdir(exist_ok=True)
    frame.drop(columns="seconds").round(6).to_csv(RESULTS, index=False)
    print(medians(frame))


if __name__ == "__main__":
    main()
