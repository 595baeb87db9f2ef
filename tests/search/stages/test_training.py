"""Trainings of whole models: what is refused before the first step."""

from pathlib import Path

import pytest

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
