"""Configs that no model can be built of."""

import json
from pathlib import Path

import pytest

from evaluators.models.folder import load_config
from spaces import UserError


def test_an_activation_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"hidden_act": "nope"}')
    with pytest.raises(UserError, match="hidden_act: 'nope' is no activation"):
        load_config(tmp_path)


def test_models_that_cannot_be_searched_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "wavlm"}))
    with pytest.raises(UserError, match=r"wavlm models cannot be searched: .*attention does not call"):
        load_config(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "wav2vec2", "add_adapter": True}))
    with pytest.raises(UserError, match="add_adapter: adapters"):
        load_config(tmp_path)


def test_a_config_that_is_no_huberts(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UserError, match="is not the config of a hubert"):
        load_config(tmp_path)
