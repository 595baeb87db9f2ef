"""A study under random faults of every kind: ``python -m tests.benchmarks.soak --faults 200 --json``.

Workers measure by simulation, and an attempt in three meets a fault: killed, out of memory, a bug, NaN, too slow, disk
full, a torn result, a shared disk that is away; one candidate in sixteen kills every worker that tries it. Now and then
the driver itself is killed, interrupted or preempted and started again, on records that it holds by a lease, while an
intruder in another folder tries to search them too; until enough faults have happened. Then the study is read: trials
left RUNNING, results lost, assignments measured twice.
"""

import argparse
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from search.running.executors import InlineExecutor
from search.running.ray_executor import RayExecutor
from search.stages.run import search_study
from search.stages.stage import RunContext, Stop
from search.study.records import open_study
from search.study.study_file import StudyFile
from search.views.screen import duration
from spaces import UserError
from tests.conftest import TOML, write_study
from tests.simulation import Simulation, notes

_DRIVER_FAULTS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)


def drive(path: Path, log: Path) -> None:
    """One driver's life: the search with four workers and faults at random."""
    file = StudyFile.load(path)
    search = file.search.model_copy(update={"trials": 10**6, "workers": 4, "minutes_per_trial": 0.005})
    file = file.model_copy(update={"search": search})
    executor = RayExecutor(search, Simulation(log, odds=1 / 3, poison="f", seconds=(0.02, 0.1, 0.2)))
    try:
        search_study(file, RunContext(executor, lambda _: None, Stop()))
    except UserError as error:  # a full disk, five failures in a row: the next life goes on
        print(error, file=sys.stderr)
    finally:
        executor.close()


def soak(faults: int, folder: Path, seed: int = 0) -> dict[str, Any]:
    """Drive a study until so many faults have happened; what was found in it afterwards."""
    rng = random.Random(seed)
    text = TOML.replace("trials = 3", f'trials = 3\nsampler = "random"\nstorage = "sqlite:///{folder / "records.db"}"')
    path, log = write_study(folder / "study", text), folder / "log"
    intruder = StudyFile.load(write_study(folder / "intruder", text)).with_search({"executor": "inline", "trials": 99})
    refused = 0
    lives, killed, started = 0, 0, time.monotonic()
    happened = 0
    while happened < faults:
        lives += 1
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.soak", "--drive", str(path), str(log)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        before, end = len(notes(log)), math.inf
        while process.poll() is None and time.monotonic() < end and happened < faults:
            time.sleep(0.5)
            seen = notes(log)
            happened = killed + sum(n["what"] != "measured" for n in seen)
            if end == math.inf and len(seen) > before:  # a life begins with its first attempt, however long Ray took
                end = time.monotonic() + rng.uniform(10, 30)
                refused += _refused(intruder, log)
        if process.poll() is None:
            last = happened >= faults
            process.send_signal(signal.SIGINT if last else rng.choice(_DRIVER_FAULTS))
            killed += 1
        process.wait(timeout=120)
        print(f"{happened}/{faults} faults, {lives} drivers, {duration(time.monotonic() - started)} gone",
              file=sys.stderr, flush=True)  # fmt: skip
    return {"faults": happened, **examine(path, log), "drivers": lives, "intruders refused": refused}


def _refused(file: StudyFile, log: Path) -> bool:
    """Whether a second driver is told that the study is held; where the first one just ended, it measures with it."""
    try:
        search_study(file, RunContext(InlineExecutor(Simulation(log)), lambda _: None, Stop()))
    except UserError as error:
        return "another hubits search works on it" in str(error)
    return False


def examine(path: Path, log: Path) -> dict[str, Any]:
    """What became of everything that was ever started; a last driver, which measures nothing, tidies up first."""
    file = StudyFile.load(path)
    file = file.model_copy(update={"search": file.search.model_copy(update={"trials": 0})})
    search_study(file, RunContext(InlineExecutor(Simulation(log)), lambda _: None, Stop()))
    trials = open_study(file, create=False).get_trials(deepcopy=False)
    complete = [
        t.user_attrs["assignment"] for t in trials if t.state == TrialState.COMPLETE and "repeats" not in t.user_attrs
    ]
    measured = Counter(n["assignment"] for n in notes(log) if n["what"] == "measured")
    poisoned = Counter(n["assignment"] for n in notes(log) if n["what"] == "poison")
    return {
        "lost": len(measured.keys() - complete),
        "running": sum(t.state == TrialState.RUNNING for t in trials),
        "repeated": sum(count - 1 for count in measured.values()),
        "measured": len(measured),
        "trials": len(trials),
        "most attempts at one that kills its workers": max(poisoned.values(), default=0),
        "kinds": dict(Counter(n["what"] for n in notes(log) if n["what"] != "measured")),
    }


def main() -> None:
    """Soak, or be the driver of one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="print nothing but JSON")
    parser.add_argument("--drive", nargs=2, type=Path, metavar=("STUDY", "LOG"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.drive:
        drive(*chosen.drive)
        return
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    with tempfile.TemporaryDirectory() as folder:
        found = soak(chosen.faults, Path(folder))
    print(json.dumps(found) if chosen.json else "\n".join(f"{key}: {value}" for key, value in found.items()))


if __name__ == "__main__":
    main()
