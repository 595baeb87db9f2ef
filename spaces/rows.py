"""Rows: the configurations that a person would write by hand, which every search has to beat.

``w2a4`` is every layer at that precision, but for groups whose floor it does not reach: they stay in fp16.
``w2a4+w4a8`` is the blocks at the first and the rest of the model (front end, position, projection) at the
second, or at their floors where those are higher.
"""

from collections.abc import Callable, Sequence
from itertools import product

from spaces.architecture import Layer
from spaces.assignment import Assignment, fitted
from spaces.errors import UserError
from spaces.floors import NO_FLOOR, Floors, raised, reaching
from spaces.precision import FP16, BitFormat, Precision


class Rows:
    """The uniform rows over some layers, by name.

    Args:
        layers: those that are searched.
        floors: of their groups.
        weights: formats on any ladder, lowest first, like ``activations``.
        within: whether an assignment is in the search space.

    Attributes:
        grid: every weight by every activation format of the ladders, the rest of the model in fp16 and at its lowest
            weights by every quantized activation; name -> assignment, no assignment twice.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        floors: Floors,
        weights: Sequence[BitFormat],
        activations: Sequence[BitFormat],
        within: Callable[[Assignment], bool],
    ) -> None:
        self._layers, self._floors = layers, floors
        self._rest = [layer for layer in layers if layer.block is None]
        self.grid: dict[str, Assignment] = {}
        rests = self._rests(weights, activations)
        for blocks in (Precision(w, a) for w, a in product(weights, activations)):
            for name in (str(blocks), *(f"{blocks}+{rest}" for rest in rests)):
                row = self.of(name)
                if row not in self.grid.values() and within(row):
                    self.grid[name] = row
        self._names = {assignment: name for name, assignment in self.grid.items()}

    def _rests(self, weights: Sequence[BitFormat], activations: Sequence[BitFormat]) -> list[Precision]:
        """What the layers outside the blocks have in the grid."""
        if not self._rest:
            return []
        floors = [self._floors.get(layer.group, NO_FLOOR) for layer in self._rest]
        weight = max(min(f.weight for f in floors), weights[0])
        lowest = min(f.activation for f in floors)
        return [*(Precision(weight, a) for a in activations if a >= lowest and a.quantized), FP16]

    def of(self, name: str, where: str = "space.uniform") -> Assignment:
        """The row of a name.

        Raises:
            UserError: if it is no name of a row, or there is no rest of the model in the space.
        """
        first, plus, second = str(name).partition("+")
        precision = Precision.parse(first, where)
        if not plus:
            return Assignment.uniform(reaching(self._layers, precision, self._floors), precision)
        rest = Precision.parse(second, where)
        if not self._rest:
            raise UserError(f"{where}: {name}: the space holds no layer outside the blocks; write {first}")
        return Assignment({layer.name: fitted(layer, self._of_layer(layer, precision, rest)) for layer in self._layers})

    def _of_layer(self, layer: Layer, blocks: Precision, rest: Precision) -> Precision:
        return blocks if layer.block is not None else raised(rest, self._floors.get(layer.group, NO_FLOOR))

    def name(self, assignment: Assignment) -> str | None:
        """The name of a row of the grid or of a uniform assignment, None for a mixture."""
        if assignment in self._names:
            return self._names[assignment]
        for precision in {FP16, *(assignment[layer.name] for layer in self._layers if layer.weights)}:
            if assignment == self.of(str(precision)):
                return str(precision)
        return None
