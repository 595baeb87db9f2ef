"""What a trial costs beside its own work: ``python -m tests.benchmarks.driver --json``.

Four measurements in one run, none of which trains anything:

- overhead: the same no-op objective with random proposals through hubits (Ray workers, SQLite on disk) and through Ray
  Tune with OptunaSearch, wall seconds a trial with two workers, and the ratio.
- trial: the driver's own work a trial (open, tell, front) in a study that already holds many, with its memory before
  and after, on SQLite or with ``--postgres`` on a PostgreSQL of its own.
- ask: milliseconds of a proposal of the hubits sampler for HuBERT Large: 72 choices after 500 trials, 336 after 30.
- busy: the share of the time that many workers are at work, each trial as long as one drawn from the recorded times;
  time is compressed (``--compress``), so the driver has that much less of it than in a real study.
"""

import argparse
import heapq
import json
import resource
import statistics
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from evaluators.costs.runtime import runtime
from evaluators.costs.storage import storage_bytes
from search.running.dispatch import Finished
from search.running.job import Job, MeasureJob, Outcome, ScoreJob
from search.running.ray_executor import RayExecutor
from search.samplers.context import SamplerContext
from search.samplers.surrogate import SurrogateSampler
from search.stages.driver import Driver
from search.stages.run import _sampler, search_study
from search.stages.stage import RunContext, Stop
from search.study.ledger import Ledger
from search.study.study_file import StudyFile
from spaces import SearchSpace, named_architecture
from tests import postgres
from tests.conftest import TOML, write_study
from tests.simulation import Simulation, simulated_result

# seconds of the trials of one run of the pocket demo on two cores, as its results/*.json hold them
RECORDED = (
    1.3, 7.9, 7.3, 7.6, 17.3, 11.3, 7.1, 12.4, 16.7, 15.1, 10.6, 14.0, 9.2, 11.3, 7.7, 14.1, 13.5, 11.8, 12.5, 14.1,
    7.9, 9.7, 13.6, 13.7, 7.5, 7.7, 13.7, 9.2, 12.0,
)  # fmt: skip
_now, _sleep = time.perf_counter, time.sleep
_SPACE = 'trials = {trials}\nsampler = "{sampler}"'


def study(folder: Path, trials: int, sampler: str = "random", storage: str | None = None) -> StudyFile:
    """A tiny study with a space large enough for many trials."""
    toml = TOML.replace("trials = 3", _SPACE.format(trials=trials, sampler=sampler))
    if storage is not None:
        toml += f'storage = "{storage}"\n'
    return StudyFile.load(write_study(folder, toml.replace('"module"', '"linear"')))


def hubits_overhead(folder: Path, trials: int) -> float:
    """Wall seconds a trial of a no-op through the whole of hubits."""
    file = study(folder, trials)
    file = file.model_copy(update={"search": file.search.model_copy(update={"workers": 2, "executor": "ray"})})
    executor = RayExecutor(file.search, Simulation(folder / "log"))
    while executor.free < 2:
        executor.wait(0.1)
    started = time.perf_counter()
    found = search_study(file, RunContext(executor, lambda _: None, Stop()))
    seconds = time.perf_counter() - started
    executor.close()
    return seconds / len(found)


def tune_overhead(folder: Path, trials: int) -> float:
    """Wall seconds a trial of a no-op through Ray Tune with OptunaSearch."""
    import optuna
    from ray import tune
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.optuna import OptunaSearch

    names = list(study(folder, trials).search_space.variables)
    space = {name: optuna.distributions.IntDistribution(0, 4) for name in names}
    search = OptunaSearch(space, sampler=optuna.samplers.RandomSampler(seed=0), metric=["a", "b"], mode=["min", "min"])

    def objective(config: dict[str, int]) -> dict[str, float]:
        return {"a": float(sum(config.values())), "b": -float(sum(config.values()))}

    tuner = tune.Tuner(
        tune.with_resources(objective, {"cpu": 1}),
        tune_config=tune.TuneConfig(search_alg=ConcurrencyLimiter(search, 2), num_samples=trials),
        run_config=tune.RunConfig(storage_path=str(folder / "tune"), verbose=0),
    )
    started = time.perf_counter()
    tuner.fit()
    return (time.perf_counter() - started) / trials


def trial_cost(folder: Path, before: int, trials: int, storage: str | None) -> dict[str, float]:
    """Milliseconds of the driver's own work a trial in a study that holds ``before``, and its memory's growth."""
    file = study(folder, before + trials, storage=storage)
    ledger = Ledger(file)
    rng = np.random.default_rng(0)
    while len(ledger.measured) < before:
        choices = {name: int(rng.integers(size)) for name, size in file.search_space.variables.items()}
        number, assignment = ledger.give(file.search_space.decode(choices))
        ledger.complete(number, assignment, simulated_result(assignment))
    context = RunContext(_Instant(), lambda _: None, Stop())
    driver = Driver(file, context, _sampler(file, None))
    driver._target = trials
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    spent = []
    for _ in range(trials):
        started = time.perf_counter()
        job = driver._next_job()
        assert isinstance(job, MeasureJob)
        result = simulated_result(job.assignment)
        driver._tell(Finished(Outcome(job, result), (), 1.0))
        spent.append(1000 * (time.perf_counter() - started))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - megabytes
    return {
        "trials_before": before, "median_ms": round(statistics.median(spent), 2),
        "p95_ms": round(float(np.quantile(spent, 0.95)), 2), "mb_grown": round(grown, 1), "mb": round(megabytes),
    }  # fmt: skip


_BITS = (1, 2, 4, 8, 16)
_LARGE = named_architecture("hubert-large")
MODULES = SearchSpace(_LARGE, precisions=["w1a1", "w2a2", "w4a4", "w8a8", "fp16"])
LINEARS = SearchSpace(_LARGE, granularity="linear", weight_bits=_BITS, activation_bits=_BITS)


def ask_cost(space: SearchSpace, trials: int, asks: int = 20) -> dict[str, float]:
    """Milliseconds of a proposal after so many trials; the first one prepares the pool."""
    import sklearn.gaussian_process  # noqa: F401 - loading it is the driver's start, not a proposal's

    rng = np.random.default_rng(0)
    weight = {
        name: float(w) for name, w in zip(space.variables, rng.lognormal(0, 1, len(space.variables)), strict=True)
    }

    def costs(choices: dict[str, int]) -> tuple[float, float]:
        assignment = space.decode(choices)
        return storage_bytes(space.architecture, assignment) / 1e6, runtime(space.architecture, assignment)

    def lost(name: str, rung: int) -> float:
        return weight[name] * ((space.variables[name] - 1 - rung) / (space.variables[name] - 1)) ** 3

    table = {name: [lost(name, r) for r in range(rungs)] for name, rungs in space.variables.items()}
    sampler = SurrogateSampler(SamplerContext(costs, 0, sensitivity=table, bundles=space.bundles))
    study = optuna.create_study(directions=["minimize"] * 3, sampler=sampler)
    distributions = dict(space.distributions)
    for i in range(trials):
        level = i % 5 if i < 5 else None
        drawn = {n: level if level is not None else int(rng.integers(r)) for n, r in space.variables.items()}
        wer = 4 + 0.5 * sum(lost(n, r) for n, r in drawn.items())
        values = [wer, *costs(drawn)]
        study.add_trial(optuna.trial.create_trial(params=drawn, distributions=distributions, values=values))
    spent = []
    for _ in range(asks):
        started = time.perf_counter()
        study.ask(distributions)
        spent.append(1000 * (time.perf_counter() - started))
    return {
        "trials": trials, "choices": len(space.variables), "first_ms": round(spent[0], 1),
        "median_ms": round(statistics.median(spent[1:]), 1), "max_ms": round(max(spent[1:]), 1),
    }  # fmt: skip


class _Instant:
    """An executor that is never asked anything."""

    slots = free = 0

    def submit(self, job: Job) -> None:
        raise NotImplementedError

    def wait(self, seconds: float) -> list[Outcome]:
        return []

    def close(self) -> None:
        pass


class Clockwork:
    """Many workers without processes: a job is done once its drawn time has passed on the wall clock."""

    def __init__(self, slots: int, file: StudyFile, compress: float) -> None:
        self.slots, self._file, self._compress = slots, file, compress
        self._rng = np.random.default_rng(0)
        self._due: list[tuple[float, int, Job]] = []
        self.spans: list[tuple[float, float]] = []

    @property
    def free(self) -> int:
        return self.slots - len(self._due)

    def submit(self, job: Job) -> None:
        seconds = float(self._rng.choice(RECORDED)) / self._compress
        now = _now()
        self.spans.append((now, now + seconds))
        heapq.heappush(self._due, (now + seconds, job.number, job))

    def wait(self, seconds: float) -> list[Outcome]:
        if not self._due:
            return []
        _sleep(max(0.0, min(seconds, self._due[0][0] - _now())))
        done = []
        while self._due and self._due[0][0] <= _now():
            job = heapq.heappop(self._due)[2]
            assert isinstance(job, MeasureJob | ScoreJob)
            done.append(Outcome(job, simulated_result(job.assignment)))
        return done

    def close(self) -> None:
        self._due.clear()


def busy(folder: Path, workers: int, rounds: int, sampler: str, compress: float) -> dict[str, Any]:
    """Share of the workers' time that is spent on trials, from the start until nothing is left to begin."""
    file = study(folder, workers * rounds, sampler)
    executor = Clockwork(workers, file, compress)
    driver = Driver(file, RunContext(executor, lambda _: None, Stop()), _sampler(file, None))
    file.home.mkdir(exist_ok=True)
    started = _now()
    measured = len(driver.run())
    last = max(begin for begin, _ in executor.spans)  # after it workers have nothing to do
    spent = sum(min(end, last) - begin for begin, end in executor.spans)
    return {
        "workers": workers, "sampler": sampler, "trials": measured, "compress": compress,
        "share": round(spent / workers / (last - started), 3), "trials_a_second": round(measured / (last - started), 1),
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print nothing but JSON")
    parser.add_argument("--trials", type=int, default=100, help="of the overhead")
    parser.add_argument("--before", type=int, default=10_000, help="trials that the study holds")
    parser.add_argument("--postgres", action="store_true", help="the cost of a trial on a PostgreSQL of its own")
    parser.add_argument("--compress", type=float, default=1.0)
    parser.add_argument("--workers", type=int, nargs="*", default=[64, 256])
    parser.add_argument("--rounds", type=int, default=12, help="trials a worker")
    parts = ["overhead", "trial", "ask", "busy"]
    parser.add_argument("--only", nargs="*", choices=parts, default=parts)
    chosen = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if "trial" in chosen.only:
            with postgres.instance() if chosen.postgres else nullcontext(None) as storage:
                found["trial"] = trial_cost(root / "trial", chosen.before, 200, storage)
        if "ask" in chosen.only:
            found["ask"] = [ask_cost(MODULES, 500), ask_cost(LINEARS, 30)]
        if "busy" in chosen.only:
            found["busy"] = [
                busy(root / f"{sampler}{n}", n, chosen.rounds, sampler, chosen.compress)
                for sampler in ("random", "hubits")
                for n in chosen.workers
            ]
        if "overhead" in chosen.only:
            import ray

            ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
            ours, theirs = hubits_overhead(root / "ours", chosen.trials), tune_overhead(root / "theirs", chosen.trials)
            found["overhead"] = {
                "hubits_ms": round(1000 * ours, 1), "tune_ms": round(1000 * theirs, 1), "ratio": round(theirs / ours, 2)
            }  # fmt: skip
    print(json.dumps(found) if chosen.json else json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
