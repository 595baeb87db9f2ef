"""What workers are given of a cluster, through Ray: room that one node has, or an end; shares of CPUs and GPUs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from search.running import ray_executor
from search.running.job import Job, Outcome
from search.running.ray_cluster import share
from search.running.ray_executor import RayExecutor
from search.study.sections import SearchSettings
from search.study.study_file import StudyFile
from spaces import UserError
from tests.conftest import TOML, write_study
from tests.search.running.test_faults import _trials, _whole
from tests.simulation import Simulation, notes

# a process of its own: a cluster of so many nodes of so many CPUs and GPUs, a trial that is out of memory three times
CLUSTER = """
import sys
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from search.running.ray_executor import RayExecutor
from search.stages.run import search_study
from search.stages.stage import RunContext, Stop
from search.study.study_file import StudyFile
from tests.simulation import Simulation
path, log, nodes, cpus, gpus, workers, share = sys.argv[1:]
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
for _ in range(int(nodes)):
    cluster.add_node(num_cpus=int(cpus), num_gpus=int(gpus))
changes = {"trials": 6, "workers": int(workers), "ray_address": cluster.address, "gpus_per_trial": float(share)}
file = StudyFile.load(Path(path)).with_search(changes | {"executor": "ray", "cpus_per_trial": 1.0})
executor = RayExecutor(file.search, Simulation(Path(log), script={7: ["memory"] * 3}))
print(len(search_study(file, RunContext(executor, lambda _: None, Stop()))))
executor.close()
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "workers", "gpu_share", "rooms", "state"),
    [
        (1, 2, 0, 4, 0.0, [1, 1, 1, 2], "COMPLETE"),  # more workers than CPUs: those that wait must not take its place
        (2, 1, 0, 2, 0.0, [1, 1, 1], "FAIL"),  # no node has room for two
        (2, 4, 1, 2, 1.0, [1, 1, 1, 2], "COMPLETE"),  # no node has two GPUs, and a trial runs on one
    ],
)
def test_a_trial_out_of_memory_gets_what_one_node_has_and_never_waits_for_more(
    tmp_path: Path, nodes: int, cpus: int, gpus: int, workers: int, gpu_share: float, rooms: list[int], state: str
) -> None:
    path, log = write_study(tmp_path), tmp_path / "log"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    arguments = map(str, (path, log, nodes, cpus, gpus, workers, gpu_share))
    done = subprocess.run(
        [sys.executable, "-c", CLUSTER, *arguments], capture_output=True, text=True, timeout=600, env=environment
    )
    assert done.stdout.split()[-1:] == ["11"], done.stderr[-2000:]
    _whole(path, log)
    assert [n["job"][1] for n in notes(log) if n["number"] == 7] == rooms
    assert _trials(path)[7].state.name == state


def test_more_room_is_more_of_one_gpu() -> None:
    def gpus(each: float, room: int) -> float:
        return share(SearchSettings(gpus_per_trial=each), room).get("GPU", 0.0)

    assert [gpus(0.25, room) for room in (1, 2, 4, 8)] == [0.25, 0.5, 1.0, 1.0]
    assert [gpus(each, 2) for each in (0.0, 0.75, 1.0, 2.0)] == [0.0, 1.0, 1.0, 2.0]


def test_one_and_a_half_gpus_are_refused(tmp_path: Path) -> None:
    path = write_study(tmp_path, TOML + "gpus_per_trial = 1.5\n")
    with pytest.raises(UserError, match=r"search.gpus_per_trial: a share of one GPU, or whole ones"):
        StudyFile.load(path)


class _Starts:
    """Work whose worker dies while it starts, but for the first one and those after so many."""

    def __init__(self, work: Simulation, folder: Path, deaths: int) -> None:
        self._given = (work, folder, deaths)

    def __reduce__(self) -> object:
        return (_arrive, self._given)


def _arrive(work: Simulation, folder: Path, deaths: int) -> Simulation:
    folder.mkdir(exist_ok=True)
    before = len(list(folder.iterdir()))
    (folder / str(os.getpid())).touch()
    if 0 < before <= deaths:
        os._exit(1)
    return work


@pytest.mark.slow
def test_workers_lost_while_starting_do_not_end_a_search_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_executor, "_LONGEST_PAUSE", 0.1)
    path, log, starts = write_study(tmp_path), tmp_path / "log", tmp_path / "starts"
    work = Simulation(log, seconds=(0.2,), gate=tmp_path / "gate", held_from=2)
    plain = {"workers": 2, "trials": 2, "executor": "ray", "sampler": "random"}  # no sensitivities, which would fail
    file = StudyFile.load(path).with_search(plain)

    def opened(_: object) -> None:
        if starts.exists() and len(list(starts.iterdir())) > 8:
            (tmp_path / "gate").touch()

    from search.stages.run import search_study
    from search.stages.stage import RunContext, Stop

    executor = RayExecutor(file.search, _Starts(work, starts, 7))  # type: ignore[arg-type]
    try:
        assert len(search_study(file, RunContext(executor, opened, Stop()))) == 7
    finally:
        executor.close()
    _whole(path, log)


@pytest.mark.slow
def test_workers_that_cannot_start_end_a_search_that_has_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_executor, "_LONGEST_PAUSE", 0.1)
    (tmp_path / "starts").mkdir()
    (tmp_path / "starts" / "0").touch()
    executor = RayExecutor(SearchSettings(), _Starts(Simulation(tmp_path), tmp_path / "starts", 99))  # type: ignore[arg-type]
    try:
        with pytest.raises(UserError, match=r"Ray cannot start a worker: .*Ray's logs: .*logs"):
            list(iter(lambda: executor.wait(1.0), None))
    finally:
        executor.close()


@pytest.mark.slow
def test_halves_of_cpus_are_all_placed_and_without_a_share_no_gpu_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")

    def seen(job: Job) -> Outcome:
        return Outcome(job, {"seen": os.environ["CUDA_VISIBLE_DEVICES"]})

    executor = RayExecutor(SearchSettings(workers=3, cpus_per_trial=0.5), seen)
    try:
        while executor.free < 3:
            executor.wait(1.0)
        executor.submit(Job(number=0, study=""))
        outcomes: list[Outcome] = []
        while not outcomes:
            outcomes = executor.wait(1.0)
        assert outcomes[0].result == {"seen": ""}
    finally:
        executor.close()


def test_gpus_that_are_left_unused_are_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from search.running import ray_cluster

    monkeypatch.setattr(ray_cluster, "_nodes", lambda: [{"CPU": 2.0, "GPU": 1.0}])
    ray_cluster._refuse_too_large(SearchSettings(gpus_per_trial=1))
    assert not caplog.text
    ray_cluster._refuse_too_large(SearchSettings())
    assert "workers see none of the GPUs that there are" in caplog.text


def test_what_no_node_offers_is_refused_on_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from search.running import ray_cluster

    monkeypatch.setattr(ray_cluster, "_nodes", lambda: [{"CPU": 2.0}])
    with pytest.raises(UserError, match=r"search\.gpus_per_trial: 1 asked for, the largest node has 0"):
        ray_cluster._refuse_too_large(SearchSettings(gpus_per_trial=1))
    ray_cluster._refuse_too_large(SearchSettings(gpus_per_trial=1, ray_address="auto"))  # it may grow
