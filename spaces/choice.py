"""A choice: layers that share one precision, and the rungs that an optimiser may put it on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from spaces.architecture import Layer
from spaces.assignment import fitted
from spaces.precision import BitFormat, Precision

Table = Mapping[tuple[int, ...], Precision]


def block_of(layer: Layer) -> str:
    """The block of a layer, or the group of one that lies outside the blocks."""
    return layer.group if layer.block is None else f"block{layer.block}"


# what shares a choice, coarse to fine: the name of a layer's choice
GRANULARITIES: dict[str, Callable[[Layer], str]] = {
    "model": lambda layer: "model",
    "group": lambda layer: layer.group,
    "block": block_of,
    "module": lambda layer: layer.name if layer.block is None else f"{block_of(layer)}.{layer.group}",
    "linear": lambda layer: layer.name,
}


@dataclass(frozen=True)
class Choice:
    """Layers that share one precision.

    Attributes:
        name: of what they have in common.
        layers: at least one.
        parameters: an optimiser's parameters, name -> what its rungs are called, lowest first.
        axes: what each parameter is of: weights, activations, or both.
        table: the precision that each combination of rungs stands for, in the order of the parameters.
    """

    name: str
    layers: tuple[Layer, ...]
    parameters: Mapping[str, tuple[str, ...]]
    axes: Mapping[str, str]
    table: Table

    @cached_property
    def _rungs(self) -> dict[Precision, tuple[int, ...]]:
        return {precision: rungs for rungs, precision in self.table.items()}

    @cached_property
    def _of_layers(self) -> dict[tuple[int, ...], dict[str, Precision]]:
        return {
            rungs: {layer.name: fitted(layer, precision) for layer in self.layers}
            for rungs, precision in self.table.items()
        }

    def decode(self, rungs: Mapping[str, int]) -> dict[str, Precision]:
        """The precision of each layer, by name, that some rungs stand for."""
        return self._of_layers[tuple([rungs[name] for name in self.parameters])]

    def encode(self, precision: Precision) -> dict[str, int]:
        """The rungs of a precision.

        Raises:
            KeyError: if it is not on the ladder.
        """
        return dict(zip(self.parameters, self._rungs[precision], strict=True))


def tied_choice(name: str, layers: Sequence[Layer], ladder: Sequence[Precision]) -> Choice:
    """One parameter whose rungs are whole precisions."""
    labels = {name: tuple(map(str, ladder))}
    table: Table = {(i,): precision for i, precision in enumerate(ladder)}
    return Choice(name, tuple(layers), labels, {name: "both"}, table)


def weightless_choice(name: str, layers: Sequence[Layer], ladder: Sequence[BitFormat]) -> Choice:
    """One parameter, for attention products alone: they have activations but no weights."""
    labels = {name: tuple(f"{one} bit" for one in ladder)}
    table: Table = {(i,): Precision(one, one) for i, one in enumerate(ladder)}
    return Choice(name, tuple(layers), labels, {name: "activations"}, table)


def separate_choice(
    name: str, layers: Sequence[Layer], weights: Sequence[BitFormat], activations: Sequence[BitFormat]
) -> Choice:
    """Two parameters: weights and activations apart."""
    labels = {
        f"{name}.w": tuple(f"{one} bit" for one in weights),
        f"{name}.a": tuple(f"{one} bit" for one in activations),
    }
    table: Table = {(i, j): Precision(w, a) for i, w in enumerate(weights) for j, a in enumerate(activations)}
    axes = {f"{name}.w": "weights", f"{name}.a": "activations"}
    return Choice(name, tuple(layers), labels, axes, table)
