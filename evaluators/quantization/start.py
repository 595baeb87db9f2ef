"""Where candidates start: the supernet's weights and scales, and calibrated scales for what it does not know."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from torch import Tensor, nn

from evaluators.costs.layout import weight_tensors
from evaluators.data.batches import Batch
from evaluators.models.forward import CtcModel
from evaluators.models.tensors import read_metadata, read_tensors
from evaluators.models.weight_norm import as_float, folded
from evaluators.quantization.insert import calibrate, insert_quantizers, ladder_assignments
from spaces.architecture import Layer
from spaces.errors import UserError
from spaces.precision import BitFormat

SUPERNET = {"format": "pt", "space": "hubits-supernet-1"}  # metadata of a supernet's file
_SCALES = ("_quantizer.log_scale.", "_quantizer.shift.")


def start_student(
    model: CtcModel, layers: Sequence[Layer], formats: Iterable[BitFormat], supernet: Path | None, batch: Batch
) -> None:
    """Turn a float model into the start of all candidates, in place.

    Layers and formats that the supernet was not trained with start where they quantize it best.

    Args:
        layers: those that may be quantized.
        formats: that any of them may have.
        batch: speech to calibrate activations on.

    Raises:
        UserError: if the supernet is another model's.
    """
    insert_quantizers(model, layers, ladder_assignments(layers, formats))
    unknown = set(_scales(model))
    if supernet is not None:
        unknown -= _load_supernet(model, layers, supernet)
    model.to(batch.audio.device)
    if unknown:
        calibrate(model, batch, unknown)


def _load_supernet(model: CtcModel, layers: Sequence[Layer], path: Path) -> set[str]:
    """Copy a supernet into a model with quantizers; the names of the scales that it holds."""
    found = read_metadata(path).get("space")
    if found != SUPERNET["space"]:
        raise UserError(f"{path}: is of format {found}, not {SUPERNET['space']}; make it with hubits train-supernet")
    tensors, state = read_tensors(path), model.state_dict()
    for names, folded_name in ((weight_tensors(x), f"{x.path}.weight") for x in layers if len(weight_tensors(x)) > 1):
        # weight norm is folded where the layer has a quantizer, in the file or in the model
        if folded_name in state and names[0] in tensors:
            tensors[folded_name] = folded(*(tensors.pop(name) for name in names))
    for name in [name for name in tensors if name not in state]:
        if any(part in name for part in _SCALES):
            del tensors[name]  # of a layer or format that this space has not
    _unfold(tensors, state)
    for name, tensor in state.items():
        if name not in tensors and not any(part in name for part in _SCALES):
            raise UserError(f"{path}: lacks the tensor {name!r}; it is a supernet of another model")
        if name in tensors and tensors[name].shape != tensor.shape:
            raise UserError(
                f"{path}: {name} has shape {tuple(tensors[name].shape)}, the model needs {tuple(tensor.shape)}; "
                "it is a supernet of another model"
            )
    if extra := sorted(set(tensors) - set(state)):
        raise UserError(f"{path}: holds {extra[0]!r}, which the model has not; it is a supernet of another model")
    model.load_state_dict(tensors, strict=False)
    return {name for name in tensors if any(part in name for part in _SCALES)}


def _unfold(tensors: dict[str, Tensor], state: dict[str, Tensor]) -> None:
    """Take folded weights apart again where the model's layer has no quantizer."""
    for name in [n for n in tensors if n.endswith(".weight") and n not in state]:
        path = name.removesuffix(".weight")
        parts = [f"{path}.parametrizations.weight.original{i}" for i in (0, 1)]
        if all(part in state for part in parts):
            tensors |= as_float(parts, tensors.pop(name))


def _scales(model: nn.Module) -> list[str]:
    return [name for name in model.state_dict() if any(part in name for part in _SCALES)]
