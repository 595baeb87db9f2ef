"""Model folders: config.json, vocab.json and model.safetensors of a CTC model."""

import json
from pathlib import Path

from transformers import PreTrainedConfig

from evaluators.data.vocabulary import Vocabulary
from evaluators.files import probe
from evaluators.models.families import build, checked_config
from evaluators.models.forward import CtcModel
from evaluators.models.tensors import load_weights, save_half
from spaces.errors import UserError


def load_model(folder: Path) -> tuple[CtcModel, Vocabulary]:
    """Load a CTC checkpoint in float32 with its vocabulary.

    Raises:
        UserError: if a file is missing or broken, or a tensor is not of the shape that the config asks for.
    """
    config = load_config(folder)
    vocabulary = Vocabulary.load(folder / "vocab.json")
    if len(vocabulary) != config.vocab_size:
        raise UserError(f"{folder}/vocab.json: has {len(vocabulary)} tokens, config.json says {config.vocab_size}")
    model = build(config, seed=0)
    load_weights(model, folder / "model.safetensors")
    return model.eval(), vocabulary


def load_config(folder: Path) -> PreTrainedConfig:
    """Read config.json of a checkpoint folder."""
    path = folder / "config.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; a model folder holds config.json, vocab.json, model.safetensors") from None
    except (ValueError, OSError, RecursionError) as error:
        probe(path)
        raise UserError(f"{path}: not a usable config: {' '.join(str(error).split())[:200]}") from None
    return checked_config(data, str(path))


def save_model(model: CtcModel, vocabulary: Vocabulary, folder: Path) -> None:
    """Write a model folder, weights in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    vocabulary.save(folder / "vocab.json")
    save_half(model.state_dict(), folder / "model.safetensors", {"format": "pt"})
