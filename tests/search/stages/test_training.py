"""Trainings of whole models: what they start from, what is refused before the first step."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from search.stages.training import train_float_model
from search.study.study_file import StudyFile
from spaces import UserError
from tests.conftest import TOML, write_study


def test_batches_too_small_to_be_shared_are_refused(tmp_path: Path) -> None:
    section = "[float_training]\nsteps = 1\nlearning_rate = 1e-3\nbatch_seconds = 2.0\nprocesses = 4\n"
    file = StudyFile.load(write_study(tmp_path, TOML + section))
    (file.model.folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="batch_seconds: 2 s are too few for 4 processes"):
        train_float_model(file, lambda *_: None)


@pytest.mark.parametrize("own", [True, False])
def test_a_study_goes_on_from_another_model_under_its_own_config_if_it_has_one(own: bool, tmp_path: Path) -> None:
    section = '[float_training]\nstart = "before"\nsteps = 1\nlearning_rate = 1e-9\nbatch_seconds = 2.0\n'
    path = write_study(tmp_path, TOML + section)
    before, model = tmp_path / "before", tmp_path / "model"
    model.rename(before)
    model.mkdir()
    if own:
        config = json.loads((before / "config.json").read_text())
        (model / "config.json").write_text(json.dumps(config | {"hidden_dropout": 0.25}))
        (model / "vocab.json").write_bytes((before / "vocab.json").read_bytes())
    train_float_model(StudyFile.load(path), lambda *_: None)
    assert json.loads((model / "config.json").read_text())["hidden_dropout"] == (0.25 if own else 0.0)
    one, two = (load_file(folder / "model.safetensors") for folder in (before, model))
    assert all(torch.allclose(tensor.float(), two[name].float(), atol=1e-3) for name, tensor in one.items())
