"""Storage and estimated runtime of any HuBERT under some precisions, without weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluators import paper
from evaluators.runtime import runtime
from evaluators.storage import storage_bytes
from spaces import Assignment, Precision, UserError, named_architecture

_GROUPS = ("attention", "products", "feed_forward")


def estimates(model: str, uniform: Sequence[str], assignment: Path | None, runtime_model: str) -> list[dict[str, Any]]:
    """Name, storage in MB and runtime relative to fp16 of each asked configuration; fp16 where none is asked.

    Under ``paper`` storage too follows the paper's rule (no scales); under ``bitops`` it is the packed file's bytes.

    Raises:
        UserError: if the model, a precision, a layer or the runtime model does not exist.
    """
    architecture = named_architecture(model)
    layers = [layer for layer in architecture.layers if layer.group in _GROUPS]
    asked = {p: Assignment.uniform(layers, Precision.parse(p, "--uniform")) for p in uniform}
    if assignment is not None:
        asked[assignment.stem] = Assignment.load(assignment, architecture)
    found = []
    for name, chosen in (asked or {"fp16": Assignment({})}).items():
        if runtime_model == "paper":
            size, share = paper.storage_bytes(architecture, chosen), paper.runtime(architecture, chosen)
        elif runtime_model == "bitops":
            size, share = storage_bytes(architecture, chosen), runtime(architecture, chosen)
        else:
            raise UserError(f"--runtime: {runtime_model!r} is no runtime model; choose bitops or paper")
        found.append({"name": name, "storage_mb": size / 1e6, "runtime": share})
    return found
