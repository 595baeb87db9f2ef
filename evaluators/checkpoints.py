"""Checkpoints of transformers into model folders: from the hub where it can be reached, or from a local folder."""

import json
from pathlib import Path

from safetensors import SafetensorError
from transformers import HubertConfig, HubertForCTC
from transformers.utils import cached_file

from evaluators.hubert import save_model
from evaluators.text import LIBRISPEECH_TOKENS, Vocabulary
from spaces.errors import UserError


def import_checkpoint(source: str, folder: Path) -> bool:
    """Write a HuBERT checkpoint as a model folder; whether it has a CTC head of its own.

    A pretrained model has none: its folder is for ``float_training.start``, with LibriSpeech's characters and a head of
    random weights. Weights in PyTorch's own format are read by its restricted loader, which runs no code.

    Args:
        source: a name on the hub, such as ``facebook/hubert-large-ls960-ft``, or a folder that transformers wrote.

    Raises:
        UserError: if it cannot be had or is no HuBERT, or the folder holds a model already.
    """
    target = folder / "model.safetensors"
    if target.exists():
        raise UserError(f"{target}: is there already; name another folder")
    try:
        kind = HubertConfig.get_config_dict(source)[0].get("model_type")
        if kind != "hubert":
            raise UserError(f"{source}: is a {kind or 'nameless'} model, not a hubert")
        model, info = HubertForCTC.from_pretrained(source, output_loading_info=True)
        vocabulary = _vocabulary(source)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{source}: cannot be imported: {why}") from None
    missing = {key for key in info["missing_keys"] if not key.startswith("lm_head.")}
    if missing:
        raise UserError(f"{source}: lacks the tensor {min(missing)!r}; it is no whole HuBERT checkpoint")
    has_head = not any(key.startswith("lm_head.") for key in info["missing_keys"])
    if not has_head or vocabulary is None:
        vocabulary = Vocabulary(LIBRISPEECH_TOKENS)
    if len(vocabulary) != model.config.vocab_size:
        if has_head:
            raise UserError(f"{source}: has {model.config.vocab_size} outputs, but its vocabulary {len(vocabulary)}")
        model = _with_head(model, len(vocabulary))
    model.config.pad_token_id = vocabulary.blank
    save_model(model, vocabulary, folder)
    return has_head


def _vocabulary(source: str) -> Vocabulary | None:
    path = cached_file(source, "vocab.json", _raise_exceptions_for_missing_entries=False)
    return Vocabulary.load(Path(path)) if path else None


def _with_head(model: HubertForCTC, size: int) -> HubertForCTC:
    """The same encoder under a fresh head of another size."""
    config = HubertConfig(**{**json.loads(model.config.to_json_string()), "vocab_size": size})
    other = HubertForCTC(config)
    other.hubert.load_state_dict(model.hubert.state_dict())
    return other
