"""Storage of an assignment, to the byte: the size of the packed safetensors file, computed before anything is trained.

Packed, a quantized weight is its codes and an fp16 scale for each output channel; quantized activations are fp16 scales
and thresholds; everything else is fp16. MB means 10^6 bytes.
"""

import json
import math
from functools import lru_cache

from evaluators.costs.layout import METADATA, packed_entries
from spaces.architecture import Architecture
from spaces.assignment import Assignment

_BYTES = {"F16": 2, "U8": 1}
_HEADER = len(json.dumps({"__metadata__": METADATA}, separators=(",", ":")))


def storage_bytes(architecture: Architecture, assignment: Assignment) -> int:
    """Size of the packed checkpoint's file in bytes, its header included."""
    # counted, not written: the sampler asks this of hundreds of candidates for every one that is trained. The order is
    # that in which safetensors lays tensors out: by falling size of the element, then by name
    parts = sorted(_part(name, *entry) for name, entry in packed_entries(architecture, assignment).items())
    header, offset = _HEADER, 0
    for _, _, fixed, size in parts:
        end = offset + size
        header += fixed + len(str(offset)) + len(str(end))
        offset = end
    return 8 + -(-header // 8) * 8 + offset


@lru_cache(maxsize=2**16)
def _part(name: str, dtype: str, shape: tuple[int, ...]) -> tuple[int, str, int, int]:
    """A tensor's place in the order, the characters of its header entry without the offsets' digits, and its bytes."""
    entry = json.dumps({name: {"dtype": dtype, "shape": list(shape), "data_offsets": []}}, separators=(",", ":"))
    # the braces around the entry make room for the comma before it and the one between the offsets
    return -_BYTES[dtype], name, len(entry), math.prod(shape) * _BYTES[dtype]
