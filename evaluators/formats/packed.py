"""The packed checkpoint: codes of a few bits in safetensors, whose size ``evaluators.costs.storage`` foretells.

A folder holds ``model.safetensors`` (the packed tensors), ``config.json`` with the assignment, ``vocab.json``, and what
transformers wants beside them.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from evaluators.costs.layout import (
    CHECKPOINT,
    CONFIG,
    FORMAT,
    METADATA,
    VOCABULARY,
    head_path,
    packed_entries,
    weight_tensors,
)
from evaluators.data.vocabulary import Vocabulary
from evaluators.formats.codes import encode, pack_codes
from evaluators.formats.packed_model import packed_model
from evaluators.models.folder import load_config
from evaluators.models.forward import CtcModel
from evaluators.models.superb import HeadedModel, load_head
from evaluators.models.tensors import read_stored, save_tensors
from evaluators.models.weight_norm import as_float
from evaluators.quantization.layers import ProductQuantizers, QuantConv1d, QuantLinear
from evaluators.quantization.quantizers import ActivationQuantizer
from spaces.architecture import Architecture, Layer
from spaces.assignment import Assignment
from spaces.errors import UserError
from spaces.precision import Precision


@torch.no_grad()
def pack(model: CtcModel, architecture: Architecture, assignment: Assignment) -> dict[str, Tensor]:
    """The packed tensors of a quantized model, named and shaped as ``packed_entries`` says."""
    state = model.state_dict()
    entries = packed_entries(architecture, assignment)
    for layer in architecture.layers:
        if layer.weights and f"{layer.path}.weight" in state:
            state |= as_float(weight_tensors(layer), state[f"{layer.path}.weight"])
    packed = {name: state[name].half().cpu().contiguous() for name in entries if name in state}
    for layer in architecture.layers:
        precision = assignment[layer.name]
        module = model.get_submodule(layer.path)
        if isinstance(module, QuantLinear | QuantConv1d) and precision.weight.quantized:
            scale = module.weight_quantizer.scale(precision.weight).half().cpu()
            codes = encode(module.weight.cpu(), scale, precision.weight)
            packed[f"{layer.path}.weight.codes"] = pack_codes(codes, precision.weight)
            packed[f"{layer.path}.weight.scale"] = scale
        for operand, quantizer in _quantizers(layer, module, precision):
            packed[f"{layer.path}.{operand}.scale"] = quantizer.scale(precision.activation).half().cpu()
            shift = quantizer.threshold(precision.activation)
            if shift is not None:
                packed[f"{layer.path}.{operand}.shift"] = shift.half().cpu()
    return packed


def _quantizers(layer: Layer, module: nn.Module, precision: Precision) -> Iterator[tuple[str, ActivationQuantizer]]:
    if not precision.activation.quantized:
        return
    if isinstance(module, QuantLinear | QuantConv1d):
        yield "input", module.input_quantizer
    elif layer.kind == "product":
        products: ProductQuantizers = module.products  # type: ignore[assignment]
        yield from ((f"products.{operand}", quantizer) for operand, quantizer in products.operands(layer.module))


def save_packed(tensors: dict[str, Tensor], path: Path) -> None:
    """Write the packed file, whole or not at all."""
    save_tensors(tensors, path, METADATA)


def load_packed(folder: Path) -> tuple[CtcModel | HeadedModel, Vocabulary, Assignment]:
    """Load an exported folder, with SUPERB's head where it holds one.

    Raises:
        UserError: naming the file that is missing, broken, another model's or of another version.
    """
    config, path, where = load_config(folder), folder / CHECKPOINT, folder / CONFIG
    found = getattr(config, "packed_format", None)
    if found is None:
        raise UserError(f"{where}: is not of a packed checkpoint; make one with `hubits pick STUDY.toml --export DIR`")
    if found != FORMAT:
        raise UserError(
            f"{where}: is of packed format {found}, this hubits reads {FORMAT}; use the hubits that wrote it"
        )
    given = getattr(config, "assignment", None)
    assignment = Assignment.from_dict(given, Architecture(config.to_dict(), str(where)), f"{where}: assignment")
    vocabulary = Vocabulary.load(folder / VOCABULARY)
    model = packed_model(config, assignment, read_stored(path), str(path))
    head = head_path(path)
    return load_head(model, vocabulary, head) if head.exists() else model, vocabulary, assignment
