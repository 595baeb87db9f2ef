"""The tensors, layers and multiply-adds of any HuBERT or its kin, from its config alone.

Names and shapes follow transformers' CTC models; a test holds them against the real model on the meta device.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from spaces.errors import UserError
from spaces.families import family_of

SAMPLE_RATE = 16_000
Kind = Literal["linear", "conv", "product"]
Form = Literal["signed", "nonnegative", "skewed"]
BLOCK_GROUPS = ("attention", "products", "feed_forward")
GROUPS = (*BLOCK_GROUPS, "front_end", "position", "projection")
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")
PRODUCTS = ("scores", "context")
_DEFAULTS: dict[str, Any] = {  # HubertConfig's own defaults: HuBERT Base
    "vocab_size": 32, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
    "conv_dim": (512,) * 7, "conv_kernel": (10, 3, 3, 3, 3, 2, 2), "conv_stride": (5, 2, 2, 2, 2, 2, 2),
    "conv_bias": False, "feat_extract_norm": "group", "feat_proj_layer_norm": True, "num_conv_pos_embeddings": 128,
    "conv_pos_kernel_size": 19, "num_conv_pos_embedding_groups": 16, "mask_time_prob": 0.05, "mask_feature_prob": 0.0,
    "hidden_act": "gelu", "feat_extract_activation": "gelu", "do_stable_layer_norm": False, "layer_norm_eps": 1e-5,
}  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """One thing that can be quantized on its own.

    Attributes:
        name: short and stable, such as ``block3.attention.q_proj``; products are ``scores`` (query by key) and
            ``context`` (softmax by value).
        path: the module's path in the CTC model; for a product, its attention module's.
        module: the last part of the name, such as ``q_proj``, ``scores`` or ``conv0``.
        depth: of a convolution, how many lie before it.
        weight_norm: whether the float weight is kept as a norm and a direction.
        weights: entries of the weight tensor, 0 for a product.
        channels: output channels, each with a weight scale of its own; for a product the attention heads.
        inputs: input channels; for a product the width of a head.
        form: the values that come in: never negative behind a ReLU, skewed behind a GELU, else of both signs.
    """

    name: str
    path: str
    kind: Kind
    group: str
    block: int | None
    module: str
    weights: int
    channels: int
    inputs: int
    form: Form = "signed"
    depth: int = 0
    weight_norm: bool = False

    def __hash__(self) -> int:
        return hash(self.name)


class Architecture:
    """What a HuBERT config says about its layers.

    Attributes:
        config: the whole of it, as it was given.
        settings: what of it says how the model computes, with HuBERT's own defaults.
        prefix: of the encoder's tensors under a CTC head.

    Raises:
        UserError: if the config cannot be a HuBERT's.
    """

    def __init__(self, config: Mapping[str, Any], name: str = "config") -> None:
        self.name, self.config, family = name, config, family_of(dict(config), name)
        self.prefix, self._stacked = family.prefix, family.stacked
        defaults = _DEFAULTS | ({"num_conv_pos_embeddings": 5} if family.stacked else {})
        known = {key: config.get(key, value) for key, value in defaults.items()} | dict(family.fixed)
        integers = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size",
                    "num_conv_pos_embeddings", "num_conv_pos_embedding_groups", "conv_pos_kernel_size")  # fmt: skip
        for key in integers:
            if not isinstance(known[key], int) or isinstance(known[key], bool) or not 0 < known[key] < 2**24:
                raise UserError(f"{name}: {key} must be a positive integer, not {known[key]!r}")
        for key in ("conv_dim", "conv_kernel", "conv_stride"):
            value = known[key]
            if not isinstance(value, list | tuple) or not value or not all(isinstance(v, int) and v > 0 for v in value):
                raise UserError(f"{name}: {key} must be a list of positive integers, not {value!r}")
        if not len(known["conv_dim"]) == len(known["conv_kernel"]) == len(known["conv_stride"]):
            raise UserError(f"{name}: conv_dim, conv_kernel and conv_stride must be of one length")
        for key in ("num_attention_heads", "num_conv_pos_embedding_groups"):
            if known["hidden_size"] % known[key]:
                raise UserError(f"{name}: hidden_size {known['hidden_size']} is not divisible by {key} {known[key]}")
        if config.get("conv_pos_batch_norm"):
            raise UserError(f"{name}: conv_pos_batch_norm: a batch norm before the positional convolution is not known")
        self.hidden: int = known["hidden_size"]
        self.blocks: int = known["num_hidden_layers"]
        self.inner: int = known["intermediate_size"]
        self.conv_dim = tuple(known["conv_dim"])
        self.conv_kernel = tuple(known["conv_kernel"])
        self.conv_stride = tuple(known["conv_stride"])
        self.settings = known

    @cached_property
    def frame(self) -> int:
        """Samples that one output frame hears of the convolutions; anything shorter has none."""
        samples = 1
        for kernel, stride in zip(reversed(self.conv_kernel), reversed(self.conv_stride), strict=True):
            samples = (samples - 1) * stride + kernel
        return samples

    @cached_property
    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter of the CTC model."""
        shapes: dict[str, tuple[int, ...]] = {}
        if self.settings["mask_time_prob"] > 0 or self.settings["mask_feature_prob"] > 0:
            shapes[f"{self.prefix}.masked_spec_embed"] = (self.hidden,)
        shapes |= self._front_end()
        if self.settings["feat_proj_layer_norm"]:
            shapes |= _norm(f"{self.prefix}.feature_projection.layer_norm", self.conv_dim[-1])
        shapes |= _linear(f"{self.prefix}.feature_projection.projection", self.conv_dim[-1], self.hidden)
        for layer in self._positions():
            shape = (self.hidden, self.hidden // self.settings["num_conv_pos_embedding_groups"], self.position_kernel)
            shapes[f"{layer.path}.bias"] = (self.hidden,)
            if layer.weight_norm:
                shapes[f"{layer.path}.parametrizations.weight.original0"] = (1, 1, self.position_kernel)
                shapes[f"{layer.path}.parametrizations.weight.original1"] = shape
            else:
                shapes[f"{layer.path}.weight"] = shape
        shapes |= _norm(f"{self.prefix}.encoder.layer_norm", self.hidden)
        for block in range(self.blocks):
            path = f"{self.prefix}.encoder.layers.{block}"
            for projection in PROJECTIONS:
                shapes |= _linear(f"{path}.attention.{projection}", self.hidden, self.hidden)
            shapes |= _norm(f"{path}.layer_norm", self.hidden)
            shapes |= _linear(f"{path}.feed_forward.intermediate_dense", self.hidden, self.inner)
            shapes |= _linear(f"{path}.feed_forward.output_dense", self.inner, self.hidden)
            shapes |= _norm(f"{path}.final_layer_norm", self.hidden)
        return shapes | _linear("lm_head", self.hidden, self.settings["vocab_size"])

    def _front_end(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        inputs = 1
        for i, (channels, kernel) in enumerate(zip(self.conv_dim, self.conv_kernel, strict=True)):
            path = f"{self.prefix}.feature_extractor.conv_layers.{i}"
            shapes[f"{path}.conv.weight"] = (channels, inputs, kernel)
            if self.settings["conv_bias"]:
                shapes[f"{path}.conv.bias"] = (channels,)
            if self.settings["feat_extract_norm"] == "layer" or i == 0:
                shapes |= _norm(f"{path}.layer_norm", channels)
            inputs = channels
        return shapes

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(map(math.prod, self.tensors.values()))

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Everything that can be quantized, front to back."""
        found = [self._convolution(i) for i in range(len(self.conv_dim))]
        projection = f"{self.prefix}.feature_projection.projection"
        found.append(self._dense("projection", projection, None, self.conv_dim[-1], self.hidden))
        found += self._positions()
        return (*found, *(layer for block in range(self.blocks) for layer in self._block(block)))

    @property
    def position_kernel(self) -> int:
        """Frames that a convolution of the positions hears."""
        kernel: int = self.settings["conv_pos_kernel_size" if self._stacked else "num_conv_pos_embeddings"]
        return kernel

    def _positions(self) -> list[Layer]:
        """One convolution with weight norm, or a stack without."""
        path, hidden = f"{self.prefix}.encoder.pos_conv_embed", self.hidden
        weights = hidden * (hidden // self.settings["num_conv_pos_embedding_groups"]) * self.position_kernel
        if not self._stacked:
            own = f"{path}.conv"
            return [Layer("position", own, "conv", "position", None, "conv", weights, hidden, hidden, weight_norm=True)]
        behind = _form(self.settings["feat_extract_activation"])
        return [
            Layer(
                f"position.conv{i}", f"{path}.layers.{i}.conv", "conv", "position", None, f"conv{i}",
                weights, hidden, hidden, behind if i else "signed", i,
            )
            for i in range(self.settings["num_conv_pos_embeddings"])
        ]  # fmt: skip

    def _convolution(self, i: int) -> Layer:
        inputs = self.conv_dim[i - 1] if i else 1
        path = f"{self.prefix}.feature_extractor.conv_layers.{i}.conv"
        form = _form(self.settings["feat_extract_activation"]) if i else "signed"
        weights, name = self.conv_dim[i] * inputs * self.conv_kernel[i], f"conv{i}"
        channels = self.conv_dim[i]
        return Layer(f"front_end.{name}", path, "conv", "front_end", None, name, weights, channels, inputs, form, i)

    def _block(self, block: int) -> Iterator[Layer]:
        path = f"{self.prefix}.encoder.layers.{block}"
        for name in PROJECTIONS:
            yield self._dense("attention", f"{path}.attention.{name}", block, self.hidden, self.hidden)
        heads = self.settings["num_attention_heads"]
        for name in PRODUCTS:
            short, width = f"block{block}.products.{name}", self.hidden // heads
            yield Layer(short, f"{path}.attention", "product", "products", block, name, 0, heads, width)
        up, down = f"{path}.feed_forward.intermediate_dense", f"{path}.feed_forward.output_dense"
        yield self._dense("feed_forward", up, block, self.hidden, self.inner)
        yield self._dense("feed_forward", down, block, self.inner, self.hidden, _form(self.settings["hidden_act"]))

    @staticmethod
    def _dense(group: str, path: str, block: int | None, inputs: int, outputs: int, form: Form = "signed") -> Layer:
        module = path.rsplit(".", 1)[1]
        name = group if block is None else f"block{block}.{group}.{module}"
        return Layer(name, path, "linear", group, block, module, inputs * outputs, outputs, inputs, form)

    def frames(self, samples: int) -> int:
        """Frames that the front end makes of so many samples."""
        return self.conv_lengths(samples)[-1]

    def conv_lengths(self, samples: int) -> list[int]:
        """Length behind each convolution of the front end."""
        lengths = []
        for kernel, stride in zip(self.conv_kernel, self.conv_stride, strict=True):
            samples = max(0, (samples - kernel) // stride + 1)
            lengths.append(samples)
        return lengths

    def multiply_adds(self, seconds: float) -> dict[str, int]:
        """Multiply-adds of every layer for one utterance of so many seconds; the head counts under ``lm_head``."""
        lengths = self.conv_lengths(round(seconds * SAMPLE_RATE))
        frames = lengths[-1]
        counts: dict[str, int] = {}
        for layer in self.layers:
            if layer.kind == "product":
                counts[layer.name] = self.hidden * frames * frames
            elif layer.group == "front_end":
                counts[layer.name] = layer.weights * lengths[layer.depth]
            else:
                counts[layer.name] = layer.weights * frames
        counts["lm_head"] = self.hidden * self.settings["vocab_size"] * frames
        return counts


def _form(activation: str) -> Form:
    return "nonnegative" if activation == "relu" else "skewed"


def _linear(path: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{path}.weight": (outputs, inputs), f"{path}.bias": (outputs,)}


def _norm(path: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{path}.weight": (width,), f"{path}.bias": (width,)}
