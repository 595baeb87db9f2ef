"""Layers of a HuBERT that compute with quantized weights and activations."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, eager_mask

from evaluators.quantization.quantizers import ActivationQuantizer, WeightQuantizer
from spaces.architecture import Form
from spaces.precision import FLOAT, FP16, BitFormat, Precision

ATTENTION = "hubits"


class QuantLinear(nn.Linear):
    """A linear layer whose weight and input are fake-quantized at ``precision``; takes over a float layer's tensors."""

    def __init__(
        self, source: nn.Linear, weights: Sequence[BitFormat], inputs: Sequence[BitFormat], values: Form
    ) -> None:
        super().__init__(source.in_features, source.out_features, source.bias is not None, device="meta")
        self.weight, self.bias = source.weight, source.bias
        self.precision = FP16
        self.weight_quantizer = WeightQuantizer(self.weight, weights)
        self.input_quantizer = ActivationQuantizer(inputs, values, channels=source.in_features)

    def forward(self, value: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)."""
        value, weight = _operands(self, value, self.precision)
        return functional.linear(value, weight, self.bias)


class QuantConv1d(nn.Conv1d):
    """A 1-D convolution whose weight and input are fake-quantized; weight norm is folded into the weight.

    Attributes:
        audible: which frames lie within their utterance, bool (batch, 1, time), where padding is to stay zero.
    """

    audible: Tensor | None = None

    def __init__(
        self, source: nn.Conv1d, weights: Sequence[BitFormat], inputs: Sequence[BitFormat], values: Form
    ) -> None:
        super().__init__(
            source.in_channels, source.out_channels, source.kernel_size[0], source.stride[0], source.padding[0],
            groups=source.groups, bias=source.bias is not None, device="meta",
        )  # fmt: skip
        if nn.utils.parametrize.is_parametrized(source):
            nn.utils.parametrize.remove_parametrizations(source, "weight")
        self.weight, self.bias = nn.Parameter(source.weight.detach().clone()), source.bias
        self.precision = FP16
        self.weight_quantizer = WeightQuantizer(self.weight, weights)
        self.input_quantizer = ActivationQuantizer(inputs, values)

    def forward(self, value: Tensor) -> Tensor:
        """(batch, in_channels, time) -> (batch, out_channels, time)."""
        value, weight = _operands(self, value, self.precision)
        value = value if self.audible is None else value * self.audible
        return functional.conv1d(value, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


def _operands(layer: QuantLinear | QuantConv1d, value: Tensor, precision: Precision) -> tuple[Tensor, Tensor]:
    weight = layer.weight
    if layer.input_quantizer.calibrating or precision.activation.quantized:
        value = layer.input_quantizer(value, precision.activation)
    if precision.weight.quantized:
        weight = layer.weight_quantizer(weight, precision.weight)
    return value, weight


class ProductQuantizers(nn.Module):
    """Quantizers of the operands of both attention products, a scale a head, at a format for each product."""

    def __init__(self, heads: int, width: int, forms: Sequence[BitFormat]) -> None:
        super().__init__()
        self.query_quantizer = ActivationQuantizer(forms, "signed", heads, width)
        self.key_quantizer = ActivationQuantizer(forms, "signed", heads, width)
        self.softmax_quantizer = ActivationQuantizer(forms, "nonnegative", heads)
        self.value_quantizer = ActivationQuantizer(forms, "signed", heads, width)
        self.scores = FLOAT
        self.context = FLOAT

    def operands(self, product: str) -> list[tuple[str, ActivationQuantizer]]:
        """Name and quantizer of both operands of ``scores`` or ``context``."""
        if product == "scores":
            return [("query", self.query_quantizer), ("key", self.key_quantizer)]
        return [("softmax", self.softmax_quantizer), ("value", self.value_quantizer)]

    def quantize(self, operand: str, value: Tensor) -> Tensor:
        """Quantize one operand unless it stays in fp16."""
        form = self.scores if operand in ("query", "key") else self.context
        quantizer: ActivationQuantizer = getattr(self, f"{operand}_quantizer")
        return quantizer(value, form) if quantizer.calibrating or form.quantized else value


def quantized_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Attention with quantized products, in the form of transformers' attention interface.

    Args:
        module: the attention module; its ``products`` quantizes operands by name, if they are quantized at all.
        query: (batch, heads, time, width), as key and value.

    Returns:
        The output (batch, time, heads, width) and the unquantized attention weights (batch, heads, time, time).
    """
    products: Any = getattr(module, "products", None)
    if products is not None:
        query, key = products.quantize("query", query), products.quantize("key", key)
        value = products.quantize("value", value)
    scores = torch.matmul(query, key.transpose(2, 3)) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = functional.softmax(scores, dim=-1)
    used = functional.dropout(weights, dropout, module.training)
    if products is not None:
        used = products.quantize("softmax", used)
    return torch.matmul(used.to(value.dtype), value).transpose(1, 2).contiguous(), weights


AttentionInterface.register(ATTENTION, quantized_attention)
ALL_MASK_ATTENTION_FUNCTIONS.register(ATTENTION, eager_mask)
