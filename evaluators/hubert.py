"""HuBERT CTC models on disk and in memory: a folder with config.json, vocab.json and model.safetensors."""

import contextlib
import json
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import HubertConfig, HubertForCTC
from transformers.activations import ACT2FN
from transformers.utils import logging as transformers_logging

from evaluators.text import POCKET_TOKENS, Vocabulary
from spaces.errors import UserError

transformers_logging.set_verbosity_error()

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


# keys of a config that name kernels, quantizers or modules for transformers to load
_RUNS_CODE = {
    "_attn_implementation", "attn_implementation", "_experts_implementation", "experts_implementation",
    "quantization_config", "auto_map",
}  # fmt: skip


def pocket_config() -> HubertConfig:
    """The pocket study's HuBERT: six blocks of width 176, 31 frames a second."""
    dropouts = ("hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout", "final_dropout")
    return HubertConfig(
        vocab_size=len(POCKET_TOKENS), pad_token_id=0, layerdrop=0.0, mask_time_prob=0.0,
        **dict.fromkeys(dropouts, 0.0), **_POCKET,
    )  # fmt: skip


def build(config: HubertConfig, seed: int) -> HubertForCTC:
    """A model of random weights, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = HubertForCTC(config)
    model.set_attn_implementation("eager")
    if config.feat_extract_norm == "group":
        first = model.hubert.feature_extractor.conv_layers[0]
        first.layer_norm = UtteranceNorm(first.layer_norm)
        model.hubert.register_forward_pre_hook(_tell_lengths, with_kwargs=True)
    return model


class UtteranceNorm(nn.GroupNorm):
    """The group norm behind HuBERT Base's first convolution, over each utterance's own frames.

    transformers normalises over the padding as well, so that an utterance sounds different in every batch, and tells
    to leave out the attention mask. Here an utterance in a batch, with its mask, is what it is alone. Without a mask
    it is the group norm of one channel a group that it replaces, whose weights it takes over.
    """

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__(norm.num_groups, norm.num_channels, norm.eps)
        self.weight, self.bias = norm.weight, norm.bias
        self.lengths: torch.Tensor | None = None

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Normalise (batch, channels, frames); in float32, as autocast does."""
        if self.lengths is None:
            return super().forward(frames)
        own = torch.arange(frames.shape[-1], device=frames.device) < self.lengths[:, None, None]
        count, values = self.lengths[:, None, None], frames.float()
        centred = (values - (values * own).sum(-1, keepdim=True) / count) * own
        variance = centred.square().sum(-1, keepdim=True) / count
        return centred * (variance + self.eps).rsqrt() * self.weight[:, None] + self.bias[:, None]


def _tell_lengths(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Before a HubertModel runs: how many frames of its first convolution each utterance of the mask has."""
    mask = kwargs.get("attention_mask")
    first: Any = model.get_submodule("feature_extractor.conv_layers.0")
    kernel, stride = first.conv.kernel_size[0], first.conv.stride[0]
    first.layer_norm.lengths = None if mask is None else (mask.sum(-1) - kernel) // stride + 1


def load_model(folder: Path) -> tuple[HubertForCTC, Vocabulary]:
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


def load_config(folder: Path) -> HubertConfig:
    """Read config.json of a checkpoint folder."""
    path = folder / "config.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; a model folder holds config.json, vocab.json, model.safetensors") from None
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(f"{path}: not a usable HuBERT config: {' '.join(str(error).split())[:200]}") from None
    return checked_config(data, str(path))


def checked_config(data: object, where: str) -> HubertConfig:
    """The config of a HuBERT from what its file holds; what would have transformers fetch or run code is left out.

    Raises:
        UserError: if it is none, or none that a model can be built of.
    """
    if not isinstance(data, dict) or data.get("model_type", "hubert") != "hubert":
        raise UserError(f"{where}: is not the config of a HuBERT (model_type must be 'hubert')")
    try:
        config = HubertConfig(**{k: v for k, v in data.items() if k not in _RUNS_CODE})
    except (ValueError, TypeError, AttributeError, RecursionError, StrictDataclassError) as error:
        raise UserError(f"{where}: not a usable HuBERT config: {' '.join(str(error).split())[:200]}") from None
    for key in ("hidden_act", "feat_extract_activation"):
        if getattr(config, key) not in ACT2FN:
            raise UserError(f"{where}: {key}: {getattr(config, key)!r} is no activation that transformers knows")
    for key in ("num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size", "vocab_size"):
        if getattr(config, key) < 1:
            raise UserError(f"{where}: {key}: must be at least 1, not {getattr(config, key)}")
    return config


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a safetensors file, as float32 where they are floating point."""
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: not found") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: broken safetensors file ({error}); make or fetch it again") from None
    return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}


def tensor_names(path: Path) -> list[str]:
    """Names of the tensors in a safetensors file."""
    try:
        with safe_open(path, "pt") as file:
            return list(file.keys())
    except FileNotFoundError:
        raise UserError(f"{path}: not found") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: broken safetensors file ({error}); make or fetch it again") from None


def load_weights(model: torch.nn.Module, path: Path) -> None:
    """Copy a safetensors file into a model, every tensor and no other."""
    tensors = read_tensors(path)
    expected = model.state_dict()
    for name, tensor in expected.items():
        if name not in tensors:
            raise UserError(f"{path}: lacks the tensor {name!r}; it is a checkpoint of another model")
        if tensors[name].shape != tensor.shape:
            raise UserError(
                f"{path}: {name} has shape {tuple(tensors[name].shape)}, the model needs {tuple(tensor.shape)}; "
                "it is a checkpoint of another shape"
            )
    extra = sorted(set(tensors) - set(expected))
    if extra:
        raise UserError(f"{path}: holds {extra[0]!r}, which the model has not; it is a checkpoint of another model")
    model.load_state_dict(tensors)


def save_model(model: HubertForCTC, vocabulary: Vocabulary, folder: Path) -> None:
    """Write a model folder, weights in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    vocabulary.save(folder / "vocab.json")
    save_half(model.state_dict(), folder / "model.safetensors", {"format": "pt"})


def save_half(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write tensors as float16 safetensors, whole or not at all."""
    half = {k: v.detach().half().contiguous() for k, v in tensors.items()}
    part = path.with_suffix(".part")
    save_file(half, part, metadata=metadata)
    part.replace(path)


def read_metadata(path: Path) -> dict[str, str]:
    """The string metadata of a safetensors file."""
    try:
        with safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except FileNotFoundError:
        raise UserError(f"{path}: not found") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: broken safetensors file ({error}); make or fetch it again") from None


def mixed_precision(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """bf16 autocast where the device computes in bf16: CUDA, and CPUs with AVX-512 BF16."""
    fast = device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.autocast(device.type, torch.bfloat16) if fast else contextlib.nullcontext()
