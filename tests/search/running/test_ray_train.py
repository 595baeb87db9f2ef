"""Trainings in several processes through Ray Train: the same losses as in one, on after a loss, a user's mistakes."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from evaluators.training.ranks import ALONE, Ranks
from search.running.ray_train import train_together
from search.stages.training import fit_float, fit_supernet, train_float_model
from search.study.study_file import StudyFile
from spaces import UserError
from tests.conftest import TOML, write_study

pytest.importorskip("pyarrow")

_TRAININGS = """
[float_training]
steps = 4
learning_rate = 1e-2
batch_seconds = 4.0
processes = {processes}
[supernet_training]
steps = 6
learning_rate = 1e-3
batch_seconds = 4.0
save_every = 2
processes = {processes}
"""


def _study(folder: Path, processes: int) -> StudyFile:
    toml = TOML.replace('folder = "model"', 'folder = "model"\nsupernet = "model/supernet.safetensors"')
    return StudyFile.load(write_study(folder, toml + _TRAININGS.format(processes=processes)))


def _in_float32(study: str, ranks: Ranks, on_step: Callable[[int, float], None]) -> None:
    """Both trainings; in bf16 a tiny model's losses differ by a half percent from one size of batch to another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evaluators.models.forward.arithmetic", lambda _: torch.float32)
        fit_float(study, ranks, on_step)
        if ranks.size > 1:
            torch.distributed.barrier()  # the first one writes what all go on from
        fit_supernet(study, ranks, lambda step, loss: on_step(100 + step, loss))


def _float_and_supernet(folder: Path, processes: int) -> tuple[dict[int, float], dict[str, torch.Tensor]]:
    """Losses of the steps of both trainings, and the supernet."""
    file, losses = _study(folder, processes), {}
    (file.model.folder / "model.safetensors").unlink()
    if processes == 1:
        _in_float32(file.shipped, ALONE, losses.__setitem__)
    else:
        train_together(_in_float32, file.shipped, processes, file.search, file.folder / "processes", losses.__setitem__)
    assert file.model.supernet is not None
    return losses, load_file(file.model.supernet)


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    (alone, one), (together, two) = (_float_and_supernet(tmp_path / str(n), n) for n in (1, 2))
    assert together == pytest.approx(alone, rel=1e-3)
    assert len(alone) == 10
    apart = torch.cat([(tensor.float() - two[name].float()).flatten().abs() for name, tensor in one.items()])
    assert apart.mean() < 5e-5  # a step of Adam is 1e-3; a quantized value on an edge may fall to either side


@pytest.mark.slow
def test_a_study_says_how_many_processes(tmp_path: Path) -> None:
    file, steps = _study(tmp_path, 2), []
    (file.model.folder / "model.safetensors").unlink()
    train_float_model(file, lambda step, *_: steps.append(step))
    assert steps == [1, 2, 3, 4]
    assert (file.model.folder / "model.safetensors").exists()
    settings = json.loads((file.model.folder / "float.log.jsonl").read_text().splitlines()[0])["settings"]
    assert settings["processes"] == 2


def _once_lost(study: str, ranks: Ranks, on_step: Callable[[int, float], None]) -> None:
    """The supernet's training, in which the second process dies at the fourth step, once."""
    died = StudyFile.arrived(study).folder / "died"

    def step(number: int, loss: float) -> None:
        on_step(number, loss)
        if number == 4 and not ranks.first and not died.exists():
            died.touch()
            os._exit(1)

    fit_supernet(study, ranks, step)


@pytest.mark.slow
def test_a_lost_process_costs_the_steps_since_the_last_resume_point(tmp_path: Path) -> None:
    file = _study(tmp_path, 2)
    steps: list[int] = []
    train_together(
        _once_lost, file.shipped, 2, file.search, file.folder / "processes", lambda step, _: steps.append(step)
    )
    assert (file.folder / "died").exists()
    assert sorted(set(steps)) == [1, 2, 3, 4, 5, 6]
    assert steps.count(1) == 1  # it went on, it did not begin anew
    assert file.model.supernet is not None
    assert file.model.supernet.exists()


def _refused(_study: str, _ranks: Ranks, _on_step: Callable[[int, float], None]) -> None:
    raise UserError("what: is wrong")


@pytest.mark.slow
def test_a_users_mistake_is_told_once(tmp_path: Path) -> None:
    file = _study(tmp_path, 2)
    with pytest.raises(UserError, match="what: is wrong"):
        train_together(_refused, file.shipped, 2, file.search, file.folder / "processes", lambda *_: None)
