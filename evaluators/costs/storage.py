"""Storage of an assignment, to the byte: the size of the packed safetensors file, computed before anything is trained.

Packed, a quantized weight is its codes and an fp16 scale for each output channel; quantized activations are fp16 scales
and thresholds; everything else is fp16. MB means 10^6 bytes.
"""

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from itertools import product

import numpy as np

from evaluators.costs.layout import METADATA, Entry, fixed_entries, layer_entries
from spaces.architecture import Architecture, Layer
from spaces.assignment import Assignment, fitted
from spaces.precision import FORMATS, Precision

Parts = tuple[tuple[int, ...], tuple[int, ...], int]  # places in the file, bytes, characters of the header
_BYTES = {"F16": 2, "U8": 1}
_POWERS = 10 ** np.arange(1, 16)
_HEADER = len(json.dumps({"__metadata__": METADATA}, separators=(",", ":")))


def storage_bytes(architecture: Architecture, assignment: Assignment) -> int:
    """Size of the packed checkpoint's file in bytes, its header included."""
    # counted, not written: the sampler asks this of hundreds of candidates for every one that is trained
    fixed_places, fixed_sizes, header = _fixed_parts(architecture)
    places, sizes = list(fixed_places), list(fixed_sizes)
    for layer in architecture.layers:
        more_places, more_sizes, length = _layer_parts(architecture, layer, assignment[layer.name])
        places += more_places
        sizes += more_sizes
        header += length
    laid_out = np.zeros(len(_order(architecture)), dtype=np.int64)
    laid_out[places] = sizes
    ends = laid_out.cumsum()[laid_out > 0]
    header += _HEADER + 1  # the first offset is 0
    header += 2 * _digits(ends[:-1]) + _digits(ends[-1:])  # each end is the next one's offset
    return 8 + -(-header // 8) * 8 + int(ends[-1])


def _digits(numbers: np.ndarray) -> int:
    """Characters of some positive numbers in decimal."""
    return len(numbers) + int(np.searchsorted(_POWERS, numbers, side="right").sum())


@lru_cache(maxsize=8)
def _order(architecture: Architecture) -> dict[tuple[str, str], int]:
    """Type and name of every tensor that some assignment has -> its place, as safetensors lays them out.

    By falling size of the element, then by name.
    """
    found = {(dtype, name) for name, (dtype, _) in fixed_entries(architecture).items()}
    activations = [one for one in FORMATS if one.activations]
    for layer, weight, activation in product(architecture.layers, FORMATS, activations):
        entries = layer_entries(architecture, layer, fitted(layer, Precision(weight, activation)))
        found |= {(dtype, name) for name, (dtype, _) in entries.items()}
    return {one: i for i, one in enumerate(sorted(found, key=lambda one: (-_BYTES[one[0]], one[1])))}


@lru_cache(maxsize=8)
def _fixed_parts(architecture: Architecture) -> Parts:
    """Of the tensors that no precision changes."""
    return _parts(architecture, fixed_entries(architecture))


@lru_cache(maxsize=2**16)
def _layer_parts(architecture: Architecture, layer: Layer, precision: Precision) -> Parts:
    return _parts(architecture, layer_entries(architecture, layer, precision))


def _parts(architecture: Architecture, entries: Mapping[str, Entry]) -> Parts:
    order = _order(architecture)
    places = tuple(order[dtype, name] for name, (dtype, _) in entries.items())
    sizes = tuple(math.prod(shape) * _BYTES[dtype] for dtype, shape in entries.values())
    return places, sizes, sum(_characters(name, *entry) for name, entry in entries.items())


def _characters(name: str, dtype: str, shape: tuple[int, ...]) -> int:
    """Of a tensor's entry in the header, without the offsets' digits."""
    # the braces around the entry make room for the comma before it and the one between the offsets
    return len(json.dumps({name: {"dtype": dtype, "shape": list(shape), "data_offsets": []}}, separators=(",", ":")))
