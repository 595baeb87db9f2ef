"""Measure the recorded table of the pocket study: ``python -m tests.benchmarks.record``; started again, it goes on.

A third of the assignments are random at random levels of bits, some lie on the sensitivity-greedy paths by storage and
by runtime, the rest are what the sampler proposes for the front. All are measured with the demo's finetune and written
to ``studies/pocket/table.csv``, beside what the supernet makes of them without a step.
"""

import sys
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from optuna.trial import create_trial

from search.running.executors import make_executor
from search.samplers.context import Table
from search.samplers.proposals import greedy_path, saving
from search.stages.driver import Driver
from search.stages.run import _sampler
from search.stages.sensitivity import study_sensitivity
from search.stages.stage import RunContext, Stop
from search.study.candidate import Candidate
from search.study.records import candidates as members
from search.study.records import costs, open_study
from search.study.study_file import StudyFile
from search.views.screen import SearchLine, StatusLine
from spaces import Assignment, SearchSpace

STUDY = Path("studies/pocket/table.toml")
TABLE = STUDY.with_name("table.csv")
_RANDOM, _PATH = 140, 80
Sources = dict[Assignment, tuple[str, int]]


def random_choices(space: SearchSpace, seed: int) -> dict[str, int]:
    """Choices whose shares of the rungs are themselves drawn, so that some assignments lean low and some high."""
    rng = np.random.default_rng((17, seed))
    rungs = max(space.variables.values())
    odds = {kind: rng.dirichlet(np.full(rungs, 0.7)) for kind in ("w", "a")}
    return {name: int(rng.choice(rungs, p=odds[name[-1]])) for name in space.variables}


def plan(file: StudyFile, table: Table) -> Sources:
    """The uniform, random and path assignments, in the order in which they are measured, and where they are from."""
    space = file.search_space
    found: Sources = dict.fromkeys(file.uniform.values(), ("uniform", 0))
    for seed in range(_RANDOM):
        found.setdefault(space.decode(random_choices(space, seed)), ("random", seed))
    for objective in (0, 1):
        path = greedy_path(space.variables, table, saving(lambda c, o=objective: costs(file, space.decode(c))[o]))  # type: ignore[misc]
        for i in np.linspace(1, len(path) - 2, _PATH // 2).astype(int):
            found.setdefault(space.decode(path[i]), ("path", objective))
    return found


def restore(file: StudyFile, column: str) -> None:
    """Take over the rows of the table that this study's database lacks: a clone has the table but no database."""
    study = open_study(file, create=True)
    if not TABLE.exists() or study.get_trials(deepcopy=False):
        return
    distributions = file.search_space.distributions
    for row in pd.read_csv(TABLE).to_dict("records"):
        if pd.isna(row.get(column)):
            continue
        result = {"wer_low": row["wer_low"], "wer_high": row["wer_high"], "errors": [], "seconds": {}}
        study.add_trial(
            create_trial(
                params={name: int(row[name]) for name in distributions}, distributions=dict(distributions),
                values=[row[column], row["storage_mb"], row["runtime"]], user_attrs={"result": result},
            )
        )  # fmt: skip


def write_table(file: StudyFile, measured: list[Candidate], proxies: list[Candidate], sources: Sources) -> None:
    """Write everything measured so far as CSV."""
    supernet = {m.assignment: m.error for m in proxies}
    rows = []
    for m in sorted(measured, key=lambda m: m.number):
        source, seed = sources.get(m.assignment, ("front", file.search.seed))
        numbers = {
            "wer": m.error,
            "wer_low": m.error_low,
            "wer_high": m.error_high,
            "supernet_wer": supernet.get(m.assignment),
        }
        rounded = {key: None if value is None else round(value, 4) for key, value in numbers.items()}
        rows.append(
            {"trial": m.number, "source": source, "seed": seed, **rounded, "storage_mb": m.storage_mb,
             "runtime": round(m.runtime, 6), **file.search_space.encode(m.assignment)}
        )  # fmt: skip
    pd.DataFrame(rows).to_csv(TABLE, index=False)
    print(f"{len(rows)} rows in {TABLE}", file=sys.stderr)


def main() -> None:
    """Restore, measure, write."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    file = StudyFile.load(STUDY)
    proxies = file.at("supernet")
    restore(file, "wer")
    restore(proxies, "supernet_wer")
    executor = make_executor(file.search)
    stop = Stop()
    with StatusLine() as line, stop.listening():
        context = RunContext(executor, SearchLine(line), stop)
        table = study_sensitivity(file, context)
        assert table is not None
        sources = plan(file, table)
        try:
            Driver(file, context, _sampler(file, table), list(sources)).run()
            if not stop():
                everyone = [m.assignment for m in members(file, open_study(file, create=False))]
                Driver(proxies, context, _sampler(proxies, table), everyone).run()
        finally:
            executor.close()
    measured, cheap = (members(f, open_study(f, create=False)) for f in (file, proxies))
    write_table(file, measured, cheap, sources)


if __name__ == "__main__":
    main()
