"""Storage and estimated runtime of any model under some precisions, without weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluators.costs.runtime import RuntimeModel, runtime_model
from spaces import Architecture, Assignment, Precision, UserError, named_architecture
from spaces.architecture import BLOCK_GROUPS


def estimates(
    model: str,
    uniform: Sequence[str] = (),
    assignment: Path | None = None,
    runtime: str | Sequence[str] = "bitops",
    form: str = "packed",
) -> list[dict[str, Any]]:
    """Name, storage in MB and runtime relative to fp16 of each asked configuration; fp16 where none is asked.

    Storage of the packed file too follows the first runtime model's accounting: the paper counts no scales, bit
    operations go with the file's bytes.

    Args:
        model: a model's name, a config.json or a folder with one.
        uniform: precisions for every layer of the blocks, such as ``w2a2``.
        assignment: a JSON file of layer: precision.
        runtime: names of runtime models or paths of profiles; those after the first stand beside it, by name.
        form: of the file whose bytes are told, packed or onnx.

    Raises:
        UserError: if the model, a precision, a layer, the runtime model or the format does not exist.
    """
    first, *others = [runtime_model(n, "--runtime") for n in ([runtime] if isinstance(runtime, str) else runtime)]
    architecture = named_architecture(model)
    layers = [layer for layer in architecture.layers if layer.group in BLOCK_GROUPS]
    asked = {p: Assignment.uniform(layers, Precision.parse(p, "--uniform")) for p in uniform}
    if assignment is not None:
        asked[assignment.stem] = Assignment.load(assignment, architecture)
    return [
        {
            "name": name,
            "storage_mb": _bytes(form, first, architecture, chosen) / 1e6,
            "runtime": first.runtime(architecture, chosen),
            **{f"runtime_{other.name}": other.runtime(architecture, chosen) for other in others},
        }
        for name, chosen in (asked or {"fp16": Assignment({})}).items()
    ]


def _bytes(form: str, accounting: RuntimeModel, architecture: Architecture, assignment: Assignment) -> float:
    if form == "packed":
        return accounting.storage(architecture, assignment)
    if form != "onnx":
        raise UserError(f"--format: {form!r} does not exist; choose from packed, onnx")
    try:
        from evaluators.formats.onnx.model import onnx_bytes
    except ImportError:
        raise UserError("--format onnx: the package onnx is not installed; `pip install 'hubits[onnx]'`") from None
    return onnx_bytes(architecture, assignment)
