"""The torch side of the model families: configs and models of transformers, built without running foreign code."""

from dataclasses import dataclass
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import (
    Data2VecAudioConfig,
    Data2VecAudioForCTC,
    HubertConfig,
    HubertForCTC,
    PreTrainedConfig,
    Wav2Vec2Config,
    Wav2Vec2ForCTC,
)
from transformers.activations import ACT2FN
from transformers.utils import logging as transformers_logging

from evaluators.data.vocabulary import POCKET_TOKENS
from evaluators.models.forward import CtcModel
from evaluators.models.padding import keep_padding_out
from spaces.errors import UserError
from spaces.families import family_of

transformers_logging.set_verbosity_error()


@dataclass(frozen=True)
class Classes:
    """What transformers calls a family's config and its model under a CTC head."""

    config: Any
    model: Any


CLASSES = {
    "hubert": Classes(HubertConfig, HubertForCTC),
    "wav2vec2": Classes(Wav2Vec2Config, Wav2Vec2ForCTC),
    "data2vec-audio": Classes(Data2VecAudioConfig, Data2VecAudioForCTC),
}
_POCKET = {
    "hidden_size": 176,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "intermediate_size": 704,
    "conv_dim": (32, 64, 128, 128, 160),
    "conv_kernel": (20, 8, 4, 4, 4),
    "conv_stride": (8, 4, 4, 2, 2),
    "num_feat_extract_layers": 5,
    "num_conv_pos_embeddings": 32,
    "num_conv_pos_embedding_groups": 16,
    "feat_extract_norm": "layer",
    "feat_extract_activation": "relu",
    "hidden_act": "relu",  # never negative: two levels, 0 and a, serve it at 1 bit (BiT)
    "do_stable_layer_norm": True,  # the residual stream stays in full precision between quantized blocks
    "conv_bias": True,
}
# keys of a config that name kernels, quantizers, modules or classes for transformers to load
_RUNS_CODE = {
    "_attn_implementation", "attn_implementation", "_experts_implementation", "experts_implementation",
    "quantization_config", "auto_map", "model_type",
}  # fmt: skip
_SIZES = ("num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size", "vocab_size")


def pocket_config() -> PreTrainedConfig:
    """The pocket study's HuBERT: six blocks of width 176, 31 frames a second."""
    dropouts = ("hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout", "final_dropout")
    return HubertConfig(
        vocab_size=len(POCKET_TOKENS), pad_token_id=0, layerdrop=0.0, mask_time_prob=0.0,
        **dict.fromkeys(dropouts, 0.0), **_POCKET,
    )  # fmt: skip


def build(config: PreTrainedConfig, seed: int) -> CtcModel:
    """A CTC model of random weights, the same for the same seed."""
    classes = CLASSES[config.model_type]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = classes.model(config)
    model.set_attn_implementation("eager")
    keep_padding_out(encoder(model))
    return model


def encoder(model: CtcModel) -> CtcModel:
    """What lies under the CTC head."""
    return getattr(model, family_of({"model_type": model.config.model_type}, "model").prefix)


def checked_config(data: object, where: str) -> PreTrainedConfig:
    """The config of a known family from its file's content, without what would have transformers fetch or run code.

    Raises:
        UserError: if it is none, or none that a model can be built of.
    """
    family = family_of(data, where)
    assert isinstance(data, dict)
    try:
        config = CLASSES[family.model_type].config(**{k: v for k, v in data.items() if k not in _RUNS_CODE})
    except (ValueError, TypeError, AttributeError, RecursionError, StrictDataclassError) as error:
        raise UserError(
            f"{where}: not a usable {family.model_type} config: {' '.join(str(error).split())[:200]}"
        ) from None
    for key in ("hidden_act", "feat_extract_activation"):
        if getattr(config, key) not in ACT2FN:
            raise UserError(f"{where}: {key}: {getattr(config, key)!r} is no activation that transformers knows")
    for key in ("add_adapter", "adapter_attn_dim"):
        if getattr(config, key, None):
            raise UserError(f"{where}: {key}: adapters are no part of the search space; import a model without them")
    for key in _SIZES:
        if getattr(config, key) < 1:
            raise UserError(f"{where}: {key}: must be at least 1, not {getattr(config, key)}")
    return config
