"""From a float model to a quantized one: which module gets which quantizer, and at which precision it computes."""

from collections.abc import Iterable, Sequence

import torch
from torch import nn
from transformers import HubertForCTC

from evaluators.batches import Batch
from evaluators.modules import ATTENTION, ProductQuantizers, QuantConv1d, QuantLinear
from evaluators.quantizers import ActivationQuantizer
from evaluators.scoring import logits
from spaces.architecture import Layer
from spaces.assignment import Assignment
from spaces.precision import Precision

Widths = dict[str, tuple[set[int], set[int]]]


def insert_quantizers(model: HubertForCTC, layers: Sequence[Layer], precisions: Iterable[Assignment]) -> None:
    """Give some layers quantizers, in place, with scales for every width that any of the assignments uses.

    Weight scales start at the least squared error; activation scales want ``calibrate`` or a checkpoint.
    """
    widths = _widths(layers, precisions)
    for layer in layers:
        weights, inputs = (tuple(sorted(w - {16})) for w in widths[layer.name])
        if not weights and not inputs:
            continue
        parent_path, _, leaf = layer.path.rpartition(".")
        parent = model.get_submodule(parent_path)
        source = parent.get_submodule(leaf)
        if layer.kind == "product":
            if not hasattr(source, "products"):
                both = [widths[x.name][1] for x in layers if x.path == layer.path and x.kind == "product"]
                bits = tuple(sorted(set().union(*both) - {16}))
                source.products = ProductQuantizers(layer.channels, layer.inputs, bits)
        elif layer.kind == "linear":
            setattr(parent, leaf, QuantLinear(source, weights, inputs, layer.form))
        else:
            setattr(parent, leaf, QuantConv1d(source, weights, inputs, layer.form))
    model.set_attn_implementation(ATTENTION)


def _widths(layers: Sequence[Layer], precisions: Iterable[Assignment]) -> Widths:
    widths: Widths = {layer.name: (set(), set()) for layer in layers}
    for assignment in precisions:
        for layer in layers:
            precision = assignment[layer.name]
            if layer.kind != "product":
                widths[layer.name][0].add(precision.weight)
            widths[layer.name][1].add(precision.activation)
    return widths


def set_precisions(model: nn.Module, layers: Sequence[Layer], assignment: Assignment) -> None:
    """Let every layer compute at its assigned precision; the quantizers must have been inserted."""
    for layer in layers:
        module = model.get_submodule(layer.path)
        precision = assignment[layer.name]
        if layer.kind == "product":
            if hasattr(module, "products"):
                setattr(module.products, layer.name.rsplit(".", 1)[1], precision.activation)
        elif isinstance(module, QuantLinear | QuantConv1d):
            module.precision = precision


@torch.inference_mode()
def calibrate(model: HubertForCTC, batch: Batch, modules: Iterable[nn.Module] | None = None) -> None:
    """Start the activation scales of the model, or of some of its modules, on its values in float for one batch."""
    quantizers = [m for m in modules or model.modules() if isinstance(m, ActivationQuantizer)]
    for quantizer in quantizers:
        quantizer.calibrating = True
    logits(model.eval(), batch)
    for quantizer in quantizers:
        quantizer.calibrating = False


def ladder_assignments(layers: Sequence[Layer], bits: Sequence[int]) -> list[Assignment]:
    """One uniform assignment for each width: what a supernet needs scales for."""
    return [Assignment.uniform(layers, Precision(b, b)) for b in bits]
