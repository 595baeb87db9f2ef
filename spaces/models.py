"""Models by name: the public HuBERTs and the paper's, as configs without weights."""

import json
from pathlib import Path
from typing import Any

from spaces.architecture import Architecture
from spaces.errors import UserError
from spaces.families import family_of
from spaces.names import choices

_LARGE: dict[str, Any] = {"feat_extract_norm": "layer", "conv_bias": True}
_PRETRAINED = {"vocab_size": 256}  # the head is the pretraining's final projection, 768 x 256, as the paper counts it
CONFIGS: dict[str, dict[str, Any]] = {
    "hubert-base": {**_PRETRAINED},
    "hubert-base-fastconv": {  # HuBERT Base behind SEW's feature extractor (arXiv 2109.06870), the paper's model
        **_PRETRAINED,
        "conv_dim": (64,) + (128,) * 4 + (256,) * 4 + (512,) * 4,
        "conv_kernel": (10, 3, 1, 3, 1, 3, 1, 3, 1, 2, 1, 2, 1),
        "conv_stride": (5, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1),
    },
    "hubert-large": {
        **_LARGE,
        "do_stable_layer_norm": True,
        "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
    },
    "hubert-xlarge": {
        **_LARGE,
        "do_stable_layer_norm": True,
        "hidden_size": 1280, "num_hidden_layers": 48, "num_attention_heads": 16, "intermediate_size": 5120,
    },
}  # fmt: skip


def ctc_config(name: str) -> dict[str, Any]:
    """The config of a named model under a CTC head of LibriSpeech's 32 characters.

    Raises:
        UserError: if there is no such name.
    """
    if name not in CONFIGS:
        raise UserError(f"model.architecture: {name!r} is no model; {choices(name, CONFIGS)}")
    return {**CONFIGS[name], "vocab_size": 32}


def named_architecture(name_or_config: str) -> Architecture:
    """The architecture of a named model, of a config.json or of a folder that holds one.

    Raises:
        UserError: if there is no such name or file, or it is not a HuBERT's config.
    """
    if name_or_config in CONFIGS:
        return Architecture(CONFIGS[name_or_config], name_or_config)
    path = Path(name_or_config)
    path = path / "config.json" if path.is_dir() else path
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{name_or_config}: neither a file nor one of the models; {choices(name_or_config, CONFIGS)}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a JSON config: {error}") from None
    family_of(config, str(path))
    return Architecture(config, str(path))
