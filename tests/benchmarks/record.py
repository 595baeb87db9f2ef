"""Measure the recorded table of the pocket study: ``python -m tests.benchmarks.record``; started again, it goes on.

A third of the assignments are random at random levels of bits, some lie on the sensitivity-greedy paths by storage and
by runtime, the rest are what the sampler proposes for the front. All are measured with the demo's finetune and written
to ``studies/pocket/table.csv``.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from optuna.study import Study
from optuna.trial import create_trial

from search.driver import Driver
from search.executors import make_executor
from search.proposals import greedy_path
from search.records import costs, members, open_study
from search.screen import SearchLine, StatusLine, TrainingLine
from search.sensitivity import measure_sensitivity, read_sensitivity
from search.study_file import StudyFile
from spaces import SearchSpace

STUDY = Path("studies/pocket/table.toml")
TABLE = STUDY.with_name("table.csv")
_RANDOM, _PATH = 140, 80
_PLANNED = "hubits:planned"


def random_choices(space: SearchSpace, seed: int) -> dict[str, int]:
    """Choices whose shares of the rungs are themselves drawn, so that some assignments lean low and some high."""
    rng = np.random.default_rng((17, seed))
    rungs = max(space.variables.values())
    odds = {kind: rng.dirichlet(np.full(rungs, 0.7)) for kind in ("w", "a")}
    return {name: int(rng.choice(rungs, p=odds[name[-1]])) for name in space.variables}


def restore(file: StudyFile, study: Study) -> None:
    """Take over the rows of the table that this study's database lacks: a clone has the table but no database."""
    if not TABLE.exists() or study.get_trials(deepcopy=False):
        return
    distributions = file.search_space.distributions
    for row in pd.read_csv(TABLE).to_dict("records"):
        study.add_trial(
            create_trial(
                params={name: int(row[name]) for name in distributions},
                distributions=dict(distributions),
                values=[row["wer"], row["storage_mb"], row["runtime"]],
                user_attrs={
                    "source": row["source"], "source_seed": row["seed"], "wer_low": row["wer_low"],
                    "wer_high": row["wer_high"], "errors": [], "seconds": {},
                },
            )
        )  # fmt: skip


def plan(file: StudyFile, study: Study) -> None:
    """Queue the uniform, random and path assignments that are not measured, once in the life of the study."""
    if study.user_attrs.get(_PLANNED):
        return
    space = file.search_space
    measured = {m.assignment for m in members(file, study)}

    def queue(choices: dict[str, int], source: str, seed: int) -> None:
        if space.decode(choices) not in measured:
            study.enqueue_trial(choices, user_attrs={"source": source, "source_seed": seed})

    for assignment in file.uniform.values():
        queue(space.encode(assignment), "uniform", 0)
    for seed in range(_RANDOM):
        queue(random_choices(space, seed), "random", seed)
    table = read_sensitivity(file)
    if table is None:
        with StatusLine() as line:
            table = measure_sensitivity(file, TrainingLine(line, "divergence"))
    for objective in (0, 1):
        path = greedy_path(space.variables, table, lambda c, o=objective: costs(file, space.decode(c))[o])  # type: ignore[misc]
        for i in np.linspace(1, len(path) - 2, _PATH // 2).astype(int):
            queue(path[i], "path", objective)
    study.set_user_attr(_PLANNED, True)


def write_table(file: StudyFile, study: Study) -> int:
    """Write everything measured so far as CSV; the number of rows."""
    sources = {t.number: t.user_attrs for t in study.get_trials(deepcopy=False)}
    rows = [
        {
            "trial": m.number,
            "source": sources[m.number].get("source", "front"),
            "seed": sources[m.number].get("source_seed", file.search.seed),
            "wer": round(m.wer, 4),
            "wer_low": round(m.wer_low, 4),
            "wer_high": round(m.wer_high, 4),
            "storage_mb": m.storage_mb,
            "runtime": round(m.runtime, 6),
            **file.search_space.encode(m.assignment),
        }
        for m in sorted(members(file, study), key=lambda m: m.number)
    ]
    pd.DataFrame(rows).to_csv(TABLE, index=False)
    return len(rows)


def main() -> None:
    """Queue, measure, write."""
    file = StudyFile.load(STUDY)
    study = open_study(file, create=True)
    restore(file, study)
    plan(file, study)
    executor = make_executor(file.search)
    try:
        with StatusLine() as line:
            Driver(file, executor, SearchLine(line)).run()
    finally:
        executor.close()
        print(f"{write_table(file, study)} rows in {TABLE}", file=sys.stderr)


if __name__ == "__main__":
    main()
