"""Storage of an assignment, to the byte: the size of the packed safetensors file, computed before anything is trained.

Packed, a quantized weight is its codes and an fp16 scale for each output channel; quantized activations are fp16 scales
and thresholds; everything else is fp16. MB means 10^6 bytes.
"""

import json
import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from evaluators.costs.layout import METADATA, Entry, fixed_entries, layer_entries
from spaces.architecture import Architecture, Layer
from spaces.assignment import Assignment
from spaces.precision import Precision

Part = tuple[
    str, int, int
]  # a tensor's name, the characters of its header entry without the offsets' digits, its bytes
Parts = tuple[tuple[Part, ...], tuple[Part, ...]]  # in fp16, and in bytes
_BYTES = {"F16": 2, "U8": 1}
_POWERS = 10 ** np.arange(1, 16)
_HEADER = len(json.dumps({"__metadata__": METADATA}, separators=(",", ":")))


def storage_bytes(architecture: Architecture, assignment: Assignment) -> int:
    """Size of the packed checkpoint's file in bytes, its header included."""
    # counted, not written: the sampler asks this of hundreds of candidates for every one that is trained
    halves, codes = map(list, _fixed_parts(architecture))
    for layer in architecture.layers:
        more_halves, more_codes = _layer_parts(architecture, layer, assignment[layer.name])
        halves += more_halves
        codes += more_codes
    # the order in which safetensors lays tensors out: by falling size of the element, then by name
    halves.sort()
    codes.sort()
    _, lengths, sizes = zip(*halves, *codes, strict=True)
    ends = np.cumsum(sizes)
    header = _HEADER + sum(lengths) + 1  # the first offset is 0
    header += 2 * _digits(ends[:-1]) + _digits(ends[-1:])  # each end is the next one's offset
    return 8 + -(-header // 8) * 8 + int(ends[-1])


def _digits(numbers: np.ndarray) -> int:
    """Characters of some positive numbers in decimal."""
    return len(numbers) + int(np.searchsorted(_POWERS, numbers, side="right").sum())


@lru_cache(maxsize=8)
def _fixed_parts(architecture: Architecture) -> Parts:
    """Of the tensors that no precision changes."""
    return _parts(fixed_entries(architecture))


@lru_cache(maxsize=2**16)
def _layer_parts(architecture: Architecture, layer: Layer, precision: Precision) -> Parts:
    return _parts(layer_entries(architecture, layer, precision))


def _parts(entries: Mapping[str, Entry]) -> Parts:
    halves, codes = (
        tuple(_part(name, *entry) for name, entry in entries.items() if entry[0] == dtype) for dtype in _BYTES
    )
    return halves, codes


def _part(name: str, dtype: str, shape: tuple[int, ...]) -> Part:
    entry = json.dumps({name: {"dtype": dtype, "shape": list(shape), "data_offsets": []}}, separators=(",", ":"))
    # the braces around the entry make room for the comma before it and the one between the offsets
    return name, len(entry), math.prod(shape) * _BYTES[dtype]
