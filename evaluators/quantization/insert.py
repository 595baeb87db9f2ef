"""From a float model to a quantized one: which module gets which quantizer, and at which precision it computes."""

from collections.abc import Collection, Iterable, Sequence

import torch
from torch import nn

from evaluators.data.batches import Batch
from evaluators.models.forward import CtcModel, logits
from evaluators.quantization.layers import ATTENTION, ProductQuantizers, QuantConv1d, QuantLinear
from evaluators.quantization.quantizers import ActivationQuantizer, WeightQuantizer
from spaces.architecture import Layer
from spaces.assignment import Assignment
from spaces.precision import FLOAT, BitFormat, Precision

Formats = dict[str, tuple[set[BitFormat], set[BitFormat]]]


def insert_quantizers(model: CtcModel, layers: Sequence[Layer], precisions: Iterable[Assignment]) -> None:
    """Give some layers quantizers, in place, with scales for every format that any of the assignments uses.

    Their scales want ``calibrate`` or a checkpoint.
    """
    formats = _formats(layers, precisions)
    for layer in layers:
        weights, inputs = (sorted(own - {FLOAT}) for own in formats[layer.name])
        if not weights and not inputs:
            continue
        parent_path, _, leaf = layer.path.rpartition(".")
        parent = model.get_submodule(parent_path)
        source = parent.get_submodule(leaf)
        if layer.kind == "product":
            if not hasattr(source, "products"):
                both = [formats[x.name][1] for x in layers if x.path == layer.path and x.kind == "product"]
                forms = sorted(set().union(*both) - {FLOAT})
                source.products = ProductQuantizers(layer.channels, layer.inputs, forms)
        elif layer.kind == "linear":
            setattr(parent, leaf, QuantLinear(source, weights, inputs, layer.form))
        else:
            setattr(parent, leaf, QuantConv1d(source, weights, inputs, layer.form))
    model.set_attn_implementation(ATTENTION)


def _formats(layers: Sequence[Layer], precisions: Iterable[Assignment]) -> Formats:
    formats: Formats = {layer.name: (set(), set()) for layer in layers}
    for assignment in precisions:
        for layer in layers:
            precision = assignment[layer.name]
            if layer.kind != "product":
                formats[layer.name][0].add(precision.weight)
            formats[layer.name][1].add(precision.activation)
    return formats


def set_precisions(model: nn.Module, layers: Sequence[Layer], assignment: Assignment) -> None:
    """Let every layer compute at its assigned precision; the quantizers must have been inserted."""
    for layer in layers:
        module = model.get_submodule(layer.path)
        precision = assignment[layer.name]
        if layer.kind == "product":
            if hasattr(module, "products"):
                setattr(module.products, layer.module, precision.activation)
        elif isinstance(module, QuantLinear | QuantConv1d):
            module.precision = precision


@torch.inference_mode()
def calibrate(model: CtcModel, batch: Batch, only: Collection[str] | None = None) -> None:
    """Start scales: of weights at the least squared error, of activations on the model's values in float for one batch.

    Args:
        only: names of the scales in the model's state; all of them without.
    """
    quantizers = []
    for name, module in model.named_modules():
        if isinstance(module, WeightQuantizer | ActivationQuantizer):
            forms = [f for f in module.forms if only is None or f"{name}.log_scale.{f.key}" in only]
            if isinstance(module, WeightQuantizer):
                module.start(model.get_submodule(name.rpartition(".")[0]).weight, forms)
            else:
                module.calibrating = tuple(forms)
                quantizers.append(module)
    if any(quantizer.calibrating for quantizer in quantizers):
        logits(model.eval(), batch)
    for quantizer in quantizers:
        quantizer.calibrating = ()


def ladder_assignments(layers: Sequence[Layer], forms: Iterable[BitFormat]) -> list[Assignment]:
    """One uniform assignment for each format: what a supernet needs scales for. Some are for weights alone."""
    return [Assignment.uniform(layers, Precision(one, one if one.activations else FLOAT)) for one in forms]
