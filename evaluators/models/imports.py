"""Checkpoints of transformers into model folders: from the hub where it can be reached, or from a local folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig
from transformers.utils import cached_file

from evaluators.data.vocabulary import LIBRISPEECH_TOKENS, Vocabulary
from evaluators.models.families import CLASSES, build, checked_config, encoder
from evaluators.models.folder import save_model
from evaluators.models.forward import CtcModel
from spaces.architecture import Architecture
from spaces.errors import UserError
from spaces.families import family_of


def import_checkpoint(source: str, folder: Path) -> bool:
    """Write a checkpoint of HuBERT, wav2vec 2.0 or data2vec as a model folder; whether it has a CTC head of its own.

    A pretrained model has none: its folder is for ``float_training.start``, with LibriSpeech's characters and a head of
    random weights, the same at every import. Weights in PyTorch's own format are read by its restricted loader, and the
    config without what names code, so that nothing is run.

    Args:
        source: a name on the hub, such as ``facebook/hubert-large-ls960-ft``, or a folder that transformers wrote.

    Raises:
        UserError: if it cannot be had or is no whole HuBERT, or the folder holds a model already or cannot be written.
    """
    target = folder / "model.safetensors"
    if target.exists():
        raise UserError(f"{target}: is there already; name another folder")
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model, info = _loaded(source)
    except UserError:
        raise
    except Exception as error:  # transformers and torch raise all kinds of things at files that they cannot make out
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{source}: cannot be imported: {why}") from None
    missing = {key for key in info["missing_keys"] if not key.startswith("lm_head.")}
    if missing:
        raise UserError(f"{source}: lacks the tensor {min(missing)!r}; it is no whole checkpoint")
    has_head = not any(key.startswith("lm_head.") for key in info["missing_keys"])
    vocabulary = _vocabulary(source) if has_head else Vocabulary(LIBRISPEECH_TOKENS)
    if len(vocabulary) != model.config.vocab_size:
        if has_head:
            raise UserError(f"{source}: has {model.config.vocab_size} outputs, but its vocabulary {len(vocabulary)}")
        model = _with_head(model, len(vocabulary))
    model.config.pad_token_id = vocabulary.blank
    try:
        save_model(model, vocabulary, folder)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror})") from None
    return has_head


def _loaded(source: str) -> tuple[CtcModel, Mapping[str, Any]]:
    data = PreTrainedConfig.get_config_dict(source)[0]
    kind = family_of({"model_type": None} | data, source).model_type
    config = checked_config(data, f"{source}/config.json")
    Architecture(config.to_dict(), source)  # refuses what nothing here could quantize
    found: tuple[CtcModel, Mapping[str, Any]] = CLASSES[kind].model.from_pretrained(
        source, config=config, output_loading_info=True, attn_implementation="eager", dtype=torch.float32
    )
    return found


def _vocabulary(source: str) -> Vocabulary:
    """What the outputs of a CTC head mean."""
    try:
        path = cached_file(source, "vocab.json", _raise_exceptions_for_missing_entries=False)
    except OSError:
        path = None
    if path is None:
        raise UserError(f"{source}: has a CTC head but no vocab.json that says what its outputs are")
    return Vocabulary.load(Path(path))


def _with_head(model: CtcModel, size: int) -> CtcModel:
    """The same encoder under a fresh head of another size."""
    config = type(model.config)(**{**json.loads(model.config.to_json_string()), "vocab_size": size})
    other = build(config, seed=0)
    encoder(other).load_state_dict(encoder(model).state_dict())
    return other
