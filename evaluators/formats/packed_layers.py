"""Layers whose weights lie packed in memory, as in the file, and are decoded for as long as they compute."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from evaluators.costs.layout import activation_tensors, product_operands
from evaluators.formats.codes import decode, unpack_codes
from evaluators.quantization.quantizers import quantize_activations
from spaces.architecture import Form, Layer
from spaces.precision import BitFormat, Precision


class PackedWeight(nn.Module):
    """The codes of a weight and the scale of each output channel.

    Args:
        shape: of the decoded weight, output channels first.
    """

    def __init__(self, form: BitFormat, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.form, self.shape = form, torch.Size(shape)
        self.register_buffer("codes", torch.empty(form.packed_bytes(self.shape.numel()), dtype=torch.uint8))
        self.register_buffer("scale", torch.empty(shape[0], dtype=torch.float16))

    def decoded(self) -> Tensor:
        """The weight in float32."""
        codes: Any = self.codes
        scale: Any = self.scale
        return decode(unpack_codes(codes, self.form, self.shape.numel()), scale, self.form).view(self.shape)


class PackedInput(nn.Module):
    """Quantizes activations with the scales and thresholds of a packed file.

    Args:
        shapes: of ``scale`` and, where there is one, ``shift``.
    """

    def __init__(self, form: BitFormat, values: Form, shapes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.form, self.values = form, values
        for name in ("scale", "shift"):
            shape = shapes.get(name)
            self.register_buffer(name, None if shape is None else torch.empty(shape, dtype=torch.float16))

    def forward(self, value: Tensor) -> Tensor:
        """Quantize (..., channels), or (batch, heads, time, channels) with a scale a head."""
        scale: Any = self.scale
        shift: Any = self.shift
        threshold = None if shift is None else shift.float()
        return quantize_activations(value, scale.float(), threshold, self.form, self.values)


class PackedProducts(nn.Module):
    """The quantizers of an attention's products, by operand."""

    def quantize(self, operand: str, value: Tensor) -> Tensor:
        """Quantize one operand unless it stays in fp16."""
        return getattr(self, operand)(value) if hasattr(self, operand) else value


def pack_layer(module: nn.Module, layer: Layer, precision: Precision) -> None:
    """Let a float module of a model on the meta device hold what the packed file has of it, in place."""
    own = _inputs(layer, precision)
    if layer.kind == "product":
        if own and not hasattr(module, "products"):
            module.products = PackedProducts()
        for operand in product_operands(layer) if own else ():
            setattr(module.products, operand, _packed_input(layer, precision, own, f"products.{operand}", operand))
        return
    if precision.weight.quantized:
        shape = tuple(module.weight.shape)  # type: ignore[arg-type]
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
        del module.weight
        module.weight = PackedWeight(precision.weight, shape)
    if own:
        module.input = _packed_input(layer, precision, own, "input", None)


def _inputs(layer: Layer, precision: Precision) -> dict[str, tuple[int, ...]]:
    """Shapes of the scales and thresholds by their names under the module."""
    return {k.removeprefix(f"{layer.path}."): v for k, v in activation_tensors(layer, precision).items()}


def _packed_input(
    layer: Layer, precision: Precision, own: Mapping[str, tuple[int, ...]], place: str, operand: str | None
) -> PackedInput:
    values: Form = "nonnegative" if operand == "softmax" else layer.form
    shapes = {k.rpartition(".")[2]: shape for k, shape in own.items() if k.rpartition(".")[0] == place}
    return PackedInput(precision.activation, values, shapes)


def compute_in_float(model: nn.Module) -> None:
    """Let every module with tensors of its own decode them to float32 before it computes, and drop them after.

    One forward pass at a time: two threads need a model each.
    """
    for module in model.modules():
        if isinstance(module, PackedWeight | PackedInput | PackedProducts | parametrize.ParametrizationList):
            continue
        if module._parameters or "weight" in module._modules or parametrize.is_parametrized(module):
            module.register_forward_pre_hook(_decode)
            module.register_forward_hook(_drop, always_call=True)


def _decode(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    # an entry of the instance hides the parameter or the submodule of that name
    for holder in _holders(module):
        for name, parameter in holder._parameters.items():
            if parameter is not None:
                holder.__dict__[name] = parameter.float()
    packed = module._modules.get("weight")
    if isinstance(packed, PackedWeight):
        module.__dict__["weight"] = packed.decoded()
    quantize, audible = module._modules.get("input"), getattr(module, "audible", None)
    if quantize is None:
        return args
    value = quantize(args[0])
    return (value if audible is None else value * audible, *args[1:])


def _drop(module: nn.Module, _args: Any, _out: Any) -> None:
    for holder in _holders(module):
        for name in (*holder._parameters, "weight"):
            holder.__dict__.pop(name, None)


def _holders(module: nn.Module) -> list[nn.Module]:
    """The module itself, and what holds its parameters where weight norm keeps them apart."""
    inner = module._modules.get("parametrizations")
    return [module, *(inner.children() if inner is not None else ())]
