"""The layers of a model as a table: a block a row, a layer a column; what lies outside the blocks beside it."""

from string import ascii_letters, digits
from typing import Any

from spaces import Architecture, Assignment
from spaces.precision import FORMATS

_CODES = digits + ascii_letters  # of formats, by their place among all

_SHORT = {
    "q_proj": "query", "k_proj": "key", "v_proj": "value", "out_proj": "out",
    "intermediate_dense": "inner", "output_dense": "outer",
}  # fmt: skip


def build_layers(architecture: Architecture) -> dict[str, Any]:
    """Columns of the blocks, and for each layer its place: ``[block, column]``, or its name where it has no block.

    The order is that of ``layer_bits``, and ``bits`` says what its characters stand for.
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
        "bits": {_CODES[i]: one.bits for i, one in enumerate(FORMATS)},
    }


def layer_bits(assignment: Assignment, architecture: Architecture) -> dict[str, str]:
    """The formats of the weights and of the activations of every layer, a character each.

    A product has no weights, and a dash there.
    """
    codes = {one: _CODES[i] for i, one in enumerate(FORMATS)}
    chosen = [(layer, assignment[layer.name]) for layer in architecture.layers]
    return {
        "weights": "".join(codes[p.weight] if layer.weights else "-" for layer, p in chosen),
        "activations": "".join(codes[p.activation] for _, p in chosen),
    }
