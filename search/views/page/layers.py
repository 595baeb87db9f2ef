"""The layers of a model as a table: a block a row, a layer a column; what lies outside the blocks beside it."""

from typing import Any

from spaces import FP16, Architecture, Assignment

_SHORT = {
    "q_proj": "query", "k_proj": "key", "v_proj": "value", "out_proj": "out",
    "intermediate_dense": "inner", "output_dense": "outer",
}  # fmt: skip


def build_layers(architecture: Architecture) -> dict[str, Any]:
    """Columns of the blocks, and for each layer its place: ``[block, column]``, or its name where it has no block.

    The order is that of ``layer_bits``.
    """
    columns: list[str] = []
    places: list[list[int] | str] = []
    for layer in architecture.layers:
        title = _SHORT.get(layer.module, layer.module)
        if layer.block is None:
            places.append(layer.name.rpartition(".")[2])
            continue
        if title not in columns:
            columns.append(title)
        places.append([layer.block, columns.index(title)])
    return {
        "blocks": architecture.blocks,
        "columns": columns,
        "places": places,
        "weighted": [bool(layer.weights) for layer in architecture.layers],
    }


def layer_bits(assignment: Assignment, architecture: Architecture) -> dict[str, list[float]]:
    """Bits of the weights and of the activations of every layer; a product has no weights, and 0 there."""
    chosen = [(layer, assignment.get(layer.name, FP16)) for layer in architecture.layers]
    return {
        "weights": [p.weight.bits if layer.weights else 0 for layer, p in chosen],
        "activations": [p.activation.bits for _, p in chosen],
    }
