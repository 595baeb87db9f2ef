"""Faults of every kind, through Ray: nothing stays RUNNING, nothing is lost, nothing is measured twice."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from search.running.executors import InlineExecutor
from search.running.ray_executor import RayExecutor
from search.stages.run import search_study
from search.stages.stage import Progress, RunContext, Stop
from search.study.candidate import Candidate
from search.study.records import database_url
from search.study.study_file import StudyFile
from spaces import UserError
from tests.conftest import TOML, write_study
from tests.simulation import FAULTS, RECOVERED, Simulation, notes

pytestmark = pytest.mark.slow
RAY = TOML.replace('"inline"', '"ray"')
ENDINGS = {"exception": "error", "nan": "diverged", "slow": "time_limit", "disk_full": "disk_full"}


@pytest.fixture(scope="module")
def _ray() -> Iterator[None]:
    import ray

    ray.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def _search(
    path: Path,
    simulation: Simulation,
    ray: bool = True,
    on_progress: Callable[[Progress], None] = lambda _: None,
    **changes: Any,
) -> list[Candidate]:
    file = StudyFile.load(path)
    file = file.model_copy(update={"search": file.search.model_copy(update=changes)})
    executor = RayExecutor(file.search, simulation) if ray else InlineExecutor(simulation)
    try:
        while executor.free < executor.slots:  # a worker that is lost while it starts is no trial's loss
            executor.wait(0.2)
        return search_study(file, RunContext(executor, on_progress, Stop()))
    finally:
        executor.close()


def _trials(path: Path) -> list[optuna.trial.FrozenTrial]:
    file = StudyFile.load(path)
    return optuna.load_study(storage=database_url(file), study_name=file.study_name).trials


def _whole(path: Path, log: Path) -> None:
    """No trial is left RUNNING, every result that was written is in the study, none was measured twice."""
    trials = _trials(path)
    assert TrialState.RUNNING not in {t.state for t in trials}
    measured = Counter(n["assignment"] for n in notes(log) if n["what"] == "measured")
    assert set(measured.values()) <= {1}
    told = {t.user_attrs["assignment"] for t in trials if t.state == TrialState.COMPLETE}
    assert set(measured) == told


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("_ray")
def test_each_fault_through_ray(tmp_path: Path, fault: str) -> None:
    undisturbed = _search(write_study(tmp_path / "a"), Simulation(tmp_path / "log-a"), ray=False, trials=4)
    path, log = write_study(tmp_path / "b"), tmp_path / "log-b"
    simulation = Simulation(log, script={6: [fault]})
    changes: dict[str, Any] = {"trials": 4, "workers": 1, "minutes_per_trial": 0.02 if fault == "slow" else None}
    if fault == "disk_full":  # the study stops with one line; started again, it goes on
        with pytest.raises(UserError, match="the disk is full"):
            _search(path, simulation, **changes)
    found = _search(path, simulation, **changes)
    _whole(path, log)
    assert len(found) == 9
    trial = _trials(path)[6]
    if fault in RECOVERED:
        assert trial.state == TrialState.COMPLETE
        kinds = {"memory": "out_of_memory", "cuda": "out_of_memory", "stale": "storage_hiccup"}
        assert trial.user_attrs["attempts"] == [kinds.get(fault, "worker_lost")]
    else:
        assert trial.state == TrialState.FAIL
        assert trial.user_attrs["failure"] == ENDINGS[fault]
    if fault in RECOVERED - {"stale"} or fault == "disk_full":  # while a hiccup passes, the worker takes the next trial
        assert [m.objectives for m in found] == [m.objectives for m in undisturbed]
    if fault in ("memory", "cuda"):  # the same batch in two parts
        assert [n["job"] for n in notes(log) if n["number"] == 6] == [[1, 1], [2, 1]]


@pytest.mark.usefixtures("_ray")
def test_out_of_memory_for_good_takes_more_of_the_machine(tmp_path: Path) -> None:
    path, log = write_study(tmp_path), tmp_path / "log"
    found = _search(path, Simulation(log, script={7: ["memory"] * 3}), trials=4, workers=2)
    _whole(path, log)
    assert len(found) == 9
    assert [n["job"] for n in notes(log) if n["number"] == 7] == [[1, 1], [2, 1], [4, 1], [4, 2]]


@pytest.mark.usefixtures("_ray")
def test_a_bug_in_every_candidate_stops_the_study_with_its_first_traceback(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    with pytest.raises(UserError, match=r"5 trials in a row failed \(error: a bug\); see .*failure.txt"):
        _search(path, Simulation(tmp_path / "log", odds=1.0, script={n: ["exception"] for n in range(99)}))
    assert "RuntimeError: a bug" in (StudyFile.load(path).folder / "failure.txt").read_text()
    assert TrialState.RUNNING not in {t.state for t in _trials(path)}


# a process of its own: Ray remembers how the first cluster of a process authenticates
NODES = """
import sys
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from tests.search.running.test_faults import _search
from tests.simulation import Simulation
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
nodes = [cluster.add_node(num_cpus=1) for _ in range(3)]
changes = {8: lambda: cluster.remove_node(nodes[0], allow_graceful=False), 12: lambda: cluster.add_node(num_cpus=1)}
def on_progress(progress):
    for done in [d for d in changes if progress.stage == "search" and progress.done >= d]:
        changes.pop(done)()
work = Simulation(Path(sys.argv[2]), seconds=(1.5,))  # a worker outlives its node for some seconds
found = _search(
    Path(sys.argv[1]), work, on_progress=on_progress, trials=40, workers=3, ray_address=cluster.address
)
print(len(found), len(changes))
ray.shutdown()
cluster.shutdown()
"""


def test_a_node_taken_away_and_another_added(tmp_path: Path) -> None:
    path, log = write_study(tmp_path), tmp_path / "log"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", NODES, str(path), str(log)], capture_output=True, text=True, timeout=900, env=environment
    )
    assert done.stdout.split()[-2:] == ["45", "0"], done.stderr[-2000:]
    _whole(path, log)
    assert any("worker_lost" in t.user_attrs.get("attempts", []) for t in _trials(path))


def test_a_database_locked_by_a_reader_is_waited_for(tmp_path: Path) -> None:
    path, log = write_study(tmp_path), tmp_path / "log"
    _search(path, Simulation(log), ray=False, trials=0)
    reader = sqlite3.connect(StudyFile.load(path).folder / "study.db", check_same_thread=False, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM trials").fetchone()  # holds a shared lock: nobody can commit
    released = threading.Event()

    def release() -> None:
        released.set()
        reader.execute("COMMIT")

    # longer than SQLite waits by itself; where the machine is too busy to be kept waiting, nothing is wrong either
    threading.Timer(30.0, release).start()
    found = _search(path, Simulation(log), ray=False, trials=2)
    assert released.is_set()  # nothing was written before
    assert len(found) == 7
    _whole(path, log)


DRIVE = """
import sys
from pathlib import Path
from search.running.ray_executor import RayExecutor
from search.stages import stage
from search.stages.run import search_study
from search.study.study_file import StudyFile
from spaces import UserError
from tests.simulation import Simulation
log = Path(sys.argv[2])
work = Simulation(log, seconds=(0.5,), gate=log / "gate", held_from=int(sys.argv[3]))
stage.make_executor = lambda s: RayExecutor(s, work)
file = StudyFile.load(Path(sys.argv[1])).with_search({"workers": 2, "trials": 10, "executor": "ray"})
def told(context):
    if context.stop.asked:  # before another signal is sent, the first must have been taken
        (log / "asked").touch()
def watched(file, context):
    return search_study(file, stage.RunContext(context.executor, lambda _: told(context), context.stop))
try:
    print(len(stage.run_stage(file, watched, lambda _: None)[0]))
except UserError as error:
    sys.exit(f"hubits: {error}")
"""


def _drive(path: Path, log: Path, held_from: int = 10**9) -> subprocess.Popen[str]:
    """A driver in a process of its own; its trials from one on wait until there is a file ``gate`` in the log."""
    return subprocess.Popen(
        [sys.executable, "-c", DRIVE, str(path), str(log), str(held_from)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _until(process: subprocess.Popen[str], happened: Callable[[], bool]) -> None:
    while not happened():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def _measured(log: Path) -> int:
    return sum(n["what"] == "measured" for n in notes(log))


@pytest.mark.parametrize(
    "signals", [[signal.SIGKILL], [signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGINT]]
)
def test_a_driver_that_is_killed_or_interrupted(tmp_path: Path, signals: list[signal.Signals]) -> None:
    path, log = write_study(tmp_path), tmp_path / "log"
    killed = signals == [signal.SIGKILL]
    process = _drive(path, log, 10**9 if killed else 4)  # held, what runs cannot end between two signals
    _until(process, lambda: _measured(log) >= 4 and (killed or any(log.glob("*.held"))))
    os.kill(process.pid, signals[0])
    for number in signals[1:]:
        _until(process, (log / "asked").exists)
        os.kill(process.pid, number)
    drained = signals in ([signal.SIGINT], [signal.SIGTERM])
    if drained:
        _until(process, (log / "asked").exists)
        (log / "gate").touch()
    _, errors = process.communicate()
    if drained:  # what ran was finished and told
        assert process.returncode == 0
        assert 4 < _measured(log) < 15
        _whole(path, log)
    if len(signals) == 2:
        assert "stopped at once; what was measured is kept" in errors
        assert "Traceback" not in errors
        assert _measured(log) == 4
    out, errors = _drive(path, log).communicate()
    assert out.strip() == "15", errors
    trials = _trials(path)
    assert TrialState.RUNNING not in {t.state for t in trials}
    complete = [t.user_attrs["assignment"] for t in trials if t.state == TrialState.COMPLETE]
    assert len(complete) == len(set(complete)) == 15
    # a worker's result that the dead driver had not told is in the study now, not measured again
    assert max(Counter(n["assignment"] for n in notes(log) if n["what"] == "measured").values()) == 1


def test_two_drivers(tmp_path: Path) -> None:
    path, log = write_study(tmp_path), tmp_path / "log"
    first = _drive(path, log, held_from=2)
    _until(first, lambda: _measured(log) >= 1)
    _, errors = _drive(path, log).communicate()
    assert "another hubits search works on this study" in errors
    (log / "gate").touch()
    assert first.communicate()[0].strip() == "15"
    assert json.loads((StudyFile.load(path).folder / "candidates.json").read_text())["candidates"]
