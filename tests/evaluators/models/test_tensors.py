"""Tensors on disk: checkpoints of other models are refused."""

from pathlib import Path

import pytest
from transformers import HubertConfig

from evaluators.models.families import build
from evaluators.models.tensors import load_weights
from spaces import UserError
from tests.conftest import TINY, write_study


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    write_study(tmp_path)
    other = build(HubertConfig(**{**TINY, "hidden_size": 32}), 0)
    with pytest.raises(UserError, match=r"projection.weight has shape \(16, 8\), the model needs \(32, 8\)"):
        load_weights(other, tmp_path / "model" / "model.safetensors")
