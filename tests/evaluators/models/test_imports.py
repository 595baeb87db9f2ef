"""Importing checkpoints as transformers writes them, today's and older ones."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    Data2VecAudioConfig,
    Data2VecAudioForCTC,
    HubertConfig,
    HubertForCTC,
    HubertModel,
    Wav2Vec2Config,
    Wav2Vec2ForCTC,
)

from evaluators.data.vocabulary import LIBRISPEECH_TOKENS, Vocabulary
from evaluators.models.folder import load_model
from evaluators.models.imports import import_checkpoint
from search.cli import main
from spaces import UserError
from tests.conftest import TINY

CONFIG = HubertConfig(**{**TINY, "vocab_size": len(LIBRISPEECH_TOKENS)})
POSITION = "encoder.pos_conv_embed.conv"


@pytest.fixture
def ctc(tmp_path: Path) -> tuple[HubertForCTC, Path]:
    torch.manual_seed(0)
    model, folder = HubertForCTC(CONFIG), tmp_path / "ctc"
    model.save_pretrained(folder)
    Vocabulary(LIBRISPEECH_TOKENS).save(folder / "vocab.json")
    return model, folder


def test_a_ctc_checkpoint_keeps_its_head_and_vocabulary(ctc: tuple[HubertForCTC, Path], tmp_path: Path) -> None:
    model, folder = ctc
    assert import_checkpoint(str(folder), tmp_path / "out")
    loaded, vocabulary = load_model(tmp_path / "out")
    assert vocabulary.tokens == LIBRISPEECH_TOKENS
    for name, value in model.state_dict().items():
        assert torch.allclose(loaded.state_dict()[name], value, atol=2e-3), name


@pytest.mark.parametrize("kind", [(Wav2Vec2Config, Wav2Vec2ForCTC), (Data2VecAudioConfig, Data2VecAudioForCTC)])
def test_its_kin_are_taken_as_well(tmp_path: Path, kind: tuple[Any, Any]) -> None:
    torch.manual_seed(0)
    config = kind[0](**{k: v for k, v in CONFIG.to_dict().items() if k not in ("model_type", "architectures")})
    model = kind[1](config)
    model.save_pretrained(tmp_path / "ctc")
    Vocabulary(LIBRISPEECH_TOKENS).save(tmp_path / "ctc" / "vocab.json")
    assert import_checkpoint(str(tmp_path / "ctc"), tmp_path / "out")
    loaded, _ = load_model(tmp_path / "out")
    for name, value in model.state_dict().items():
        assert torch.allclose(loaded.state_dict()[name], value, atol=2e-3), name


def test_a_pretrained_checkpoint_gets_a_fresh_head(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = HubertModel(CONFIG)
    model.save_pretrained(tmp_path / "pretrained")
    assert not import_checkpoint(str(tmp_path / "pretrained"), tmp_path / "out")
    loaded, vocabulary = load_model(tmp_path / "out")
    assert len(vocabulary) == loaded.config.vocab_size == 32
    for name, value in model.state_dict().items():
        assert torch.allclose(loaded.hubert.state_dict()[name], value, atol=2e-3), name


def test_older_files_with_weight_norms_old_names_are_read(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, folder = HubertModel(CONFIG), tmp_path / "old"
    model.save_pretrained(folder)
    (folder / "model.safetensors").unlink()
    state = model.state_dict()
    for i, old in enumerate(("weight_g", "weight_v")):
        state[f"{POSITION}.{old}"] = state.pop(f"{POSITION}.parametrizations.weight.original{i}")
    torch.save(state, folder / "pytorch_model.bin")
    assert not import_checkpoint(str(folder), tmp_path / "out")
    new = load_file(tmp_path / "out" / "model.safetensors")
    for i, old in enumerate(("weight_g", "weight_v")):
        found = new[f"hubert.{POSITION}.parametrizations.weight.original{i}"]
        assert torch.allclose(found.float(), state[f"{POSITION}.{old}"], atol=2e-3)


def test_what_cannot_be_imported_says_why(
    ctc: tuple[HubertForCTC, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder = ctc
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="cannot be imported"):
        import_checkpoint(str(tmp_path / "nothing"), tmp_path / "a")
    other = tmp_path / "bert"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(UserError, match=r"a hubert or wav2vec2 or data2vec-audio .model_type is 'bert'"):
        import_checkpoint(str(other), tmp_path / "b")
    (folder / "vocab.json").write_text(json.dumps({"<pad>": 0, "|": 1, "a": 2}))
    with pytest.raises(UserError, match="has 32 outputs, but its vocabulary 3"):
        import_checkpoint(str(folder), tmp_path / "c")
    (folder / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="cannot be imported"):
        import_checkpoint(str(folder), tmp_path / "d")
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_size", "abc"), ("conv_dim", [8]), ("hidden_act", "nothing"), ("num_attention_heads", 0),
        ("num_hidden_layers", -1), ("num_hidden_layers", 0), ("vocab_size", 0), ("conv_stride", 5),
    ],
)  # fmt: skip
def test_a_broken_config_is_told_in_one_line(
    key: str, value: object, ctc: tuple[HubertForCTC, Path], tmp_path: Path
) -> None:
    path = ctc[1] / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(UserError) as told:
        import_checkpoint(str(ctc[1]), tmp_path / "out")
    assert "\n" not in str(told.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["[]", "{", ""])
def test_what_is_no_config_is_told_in_one_line(content: str, ctc: tuple[HubertForCTC, Path], tmp_path: Path) -> None:
    (ctc[1] / "config.json").write_text(content)
    with pytest.raises(UserError):
        import_checkpoint(str(ctc[1]), tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"junk", pickle.dumps(print)])
def test_broken_weights_in_pytorchs_format_are_told_and_run_nothing(
    content: bytes, ctc: tuple[HubertForCTC, Path], tmp_path: Path
) -> None:
    (ctc[1] / "model.safetensors").unlink()
    (ctc[1] / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(UserError, match="cannot be imported"):
        import_checkpoint(str(ctc[1]), tmp_path / "out")


def test_a_config_that_names_code_is_read_without_it(ctc: tuple[HubertForCTC, Path], tmp_path: Path) -> None:
    path = ctc[1] / "config.json"
    named = {"_attn_implementation": "somebody/kernel", "attn_implementation": "somebody/kernel",
             "quantization_config": {"quant_method": "bitsandbytes"}, "auto_map": {"AutoModel": "a--b.C"}}  # fmt: skip
    path.write_text(json.dumps({**json.loads(path.read_text()), **named}))
    assert import_checkpoint(str(ctc[1]), tmp_path / "out")
    kept = tmp_path / "out" / "config.json"
    assert not named.keys() & json.loads(kept.read_text()).keys()
    kept.write_text(json.dumps({**json.loads(kept.read_text()), **named}))
    model, _ = load_model(tmp_path / "out")
    assert model.config._attn_implementation == "eager"


def test_a_folder_that_cannot_be_written_and_a_head_without_a_vocabulary(
    ctc: tuple[HubertForCTC, Path], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match="cannot be written"):
            import_checkpoint(str(ctc[1]), folder)
    (ctc[1] / "vocab.json").unlink()
    with pytest.raises(UserError, match=r"no vocab\.json"):
        import_checkpoint(str(ctc[1]), tmp_path / "out")


def test_a_fresh_head_is_the_same_at_every_import_and_an_odd_vocabulary_is_no_matter(tmp_path: Path) -> None:
    HubertModel(HubertConfig(**{**TINY, "vocab_size": 9})).save_pretrained(tmp_path / "pretrained")
    (tmp_path / "pretrained" / "vocab.json").write_text("[]")
    heads = []
    for name in ("one", "two"):
        torch.manual_seed(len(heads))
        assert not import_checkpoint(str(tmp_path / "pretrained"), tmp_path / name)
        heads.append(load_file(tmp_path / name / "model.safetensors")["lm_head.weight"])
    assert torch.equal(*heads)


def test_the_command_writes_a_folder_once(
    ctc: tuple[HubertForCTC, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["hubits", "import", str(ctc[1]), str(tmp_path / "out")])
    with pytest.raises(SystemExit) as done:
        main()
    assert not done.value.code
    assert "a CTC model" in capsys.readouterr().out
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 2
    assert "is there already" in capsys.readouterr().err
