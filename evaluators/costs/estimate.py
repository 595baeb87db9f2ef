"""Storage and estimated runtime of any model under some precisions, without weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluators.costs.runtime import runtime_model
from spaces import Assignment, Precision, named_architecture
from spaces.architecture import BLOCK_GROUPS


def estimates(
    model: str, uniform: Sequence[str] = (), assignment: Path | None = None, runtime: str = "bitops"
) -> list[dict[str, Any]]:
    """Name, storage in MB and runtime relative to fp16 of each asked configuration; fp16 where none is asked.

    Storage too follows the runtime model's accounting: the paper counts no scales, bit operations go with the packed
    file's bytes.

    Args:
        model: a model's name, a config.json or a folder with one.
        uniform: precisions for every layer of the blocks, such as ``w2a2``.
        assignment: a JSON file of layer: precision.
        runtime: a runtime model's name.

    Raises:
        UserError: if the model, a precision, a layer or the runtime model does not exist.
    """
    accounting = runtime_model(runtime, "--runtime")
    architecture = named_architecture(model)
    layers = [layer for layer in architecture.layers if layer.group in BLOCK_GROUPS]
    asked = {p: Assignment.uniform(layers, Precision.parse(p, "--uniform")) for p in uniform}
    if assignment is not None:
        asked[assignment.stem] = Assignment.load(assignment, architecture)
    return [
        {
            "name": name,
            "storage_mb": accounting.storage(architecture, chosen) / 1e6,
            "runtime": accounting.runtime(architecture, chosen),
        }
        for name, chosen in (asked or {"fp16": Assignment({})}).items()
    ]
