"""Assignment: the precision of every quantized layer, immutable, hashable, JSON in and out."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from spaces.architecture import BLOCK_GROUPS, Architecture, Layer
from spaces.errors import UserError
from spaces.names import choices
from spaces.precision import FP16, BitFormat, Precision


class Assignment(Mapping[str, Precision]):
    """Layer name -> precision. A layer that is not named stays in fp16; equal assignments hash alike."""

    __slots__ = ("_hash", "_items")

    def __init__(self, precisions: Mapping[str, Precision]) -> None:
        self._items = {k: precisions[k] for k in sorted(precisions) if precisions[k] != FP16}
        self._hash: int | None = None  # most are counted and never looked up

    @classmethod
    def uniform(cls, layers: Iterable[Layer], precision: Precision) -> "Assignment":
        """The same precision for each of some layers; a product takes the activation bits for both operands."""
        return cls({layer.name: fitted(layer, precision) for layer in layers})

    def __getitem__(self, layer: str) -> Precision:
        return self._items.get(layer, FP16)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, layer: object) -> bool:
        return layer in self._items

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(tuple(self._items.items()))
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Assignment) and self._items == other._items

    def __reduce__(self) -> tuple[type["Assignment"], tuple[dict[str, Precision]]]:
        return Assignment, (self._items,)  # a hash of strings is of no use in another process

    def __repr__(self) -> str:
        return f"Assignment({self.to_json()})"

    def to_dict(self) -> dict[str, str]:
        """Layer name -> precision, sorted."""
        return {name: str(p) for name, p in self._items.items()}

    def to_json(self) -> str:
        """One line of JSON: an object of layer name: precision, sorted."""
        return json.dumps(self.to_dict())

    @property
    def digest(self) -> str:
        """A short hash that names the assignment in files, the same on every machine."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    @classmethod
    def from_json(cls, text: str, architecture: Architecture, where: str = "assignment") -> "Assignment":
        """Read and check an assignment against the layers of a model.

        Raises:
            UserError: naming the layer or precision that is wrong.
        """
        try:
            data: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{where}: not JSON: {error}") from None
        return cls.from_dict(data, architecture, where)

    @classmethod
    def from_dict(cls, data: object, architecture: Architecture, where: str = "assignment") -> "Assignment":
        """Check layer: precision against the layers of a model.

        Raises:
            UserError: naming the layer or precision that is wrong.
        """
        if not isinstance(data, dict):
            raise UserError(f"{where}: must be a JSON object of layer: precision")
        layers = {layer.name: layer for layer in architecture.layers}
        for name in data:
            if name not in layers:
                raise UserError(
                    f"{where}: {architecture.name} has no layer {name!r}; {choices(name, layers, 'it has')}"
                )
        return cls({k: fitted(layers[k], Precision.parse(v, f"{where}: {k}")) for k, v in data.items()})

    @classmethod
    def load(cls, path: Path, architecture: Architecture) -> "Assignment":
        """Read an assignment's JSON file."""
        try:
            return cls.from_json(path.read_text(encoding="utf-8"), architecture, str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: cannot be read ({error})") from None

    def mean_bits(self, architecture: Architecture) -> float:
        """Mean bits a weight over all layers that a HuBERT's blocks hold, 16 where nothing is quantized."""
        layers = [layer for layer in architecture.layers if layer.weights and (layer.block is not None)]
        return sum(layer.weights * self[layer.name].weight.bits for layer in layers) / sum(x.weights for x in layers)

    def short(self, architecture: Architecture) -> str:
        """A readable form: for each group the precisions by block, runs of equal ones merged.

        Example: ``attention w2a2 0-3, w1a8 4-5; products a4; feed_forward w1a2``.
        """
        groups: dict[str, dict[str, list[str]]] = {}
        for layer in architecture.layers:
            precision = self[layer.name]
            label = str(precision) if layer.weights or precision == FP16 else f"a{precision.activation}"
            place = layer.name if layer.block is None else str(layer.block)
            groups.setdefault(layer.group, {}).setdefault(place, []).append(label)
        parts = []
        for group, blocks in groups.items():
            labels = {b: "/".join(dict.fromkeys(ls)) if len(set(ls)) == 1 else "/".join(ls) for b, ls in blocks.items()}
            if set(labels.values()) != {"fp16"} or group in BLOCK_GROUPS:
                parts.append(f"{group} {_runs(labels)}")
        return "; ".join(parts)


def fitted(layer: Layer, precision: Precision) -> Precision:
    """The precision as this layer can hold it: a product has activations alone, so their bits stand for both."""
    return _square(precision.activation) if layer.kind == "product" else precision


@lru_cache
def _square(activation: BitFormat) -> Precision:
    return Precision(activation, activation)


def _runs(labels: dict[str, str]) -> str:
    if len(set(labels.values())) == 1:
        return next(iter(labels.values()))
    runs: list[tuple[str, str, str]] = []
    for place, label in labels.items():
        if runs and runs[-1][0] == label:
            runs[-1] = (label, runs[-1][1], place)
        else:
            runs.append((label, place, place))
    return ", ".join(f"{label} {a if a == b else f'{a}-{b}'}" for label, a, b in runs)
