"""The search space: which layers are chosen together, from which ladder of precisions."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from spaces.architecture import BLOCK_GROUPS, GROUPS, Architecture, Layer
from spaces.assignment import Assignment
from spaces.bundles import bundles
from spaces.choice import GRANULARITIES, Choice, separate_choice, tied_choice, weightless_choice
from spaces.errors import UserError
from spaces.floors import NO_FLOOR, Floors, parse_floor, raised, reaching
from spaces.names import choices
from spaces.precision import BitFormat, Precision, bit_format
from spaces.rows import Rows

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import IntDistribution


class SearchSpace:
    """All assignments that a search may try.

    Either ``precisions`` is a ladder of whole precisions, one parameter a choice (bits tied), or ``weight_bits`` and
    ``activation_bits`` are two ladders, two parameters a choice. Parameters are ordinal: indices into a ladder in
    rising order of bits. ``least_bits`` keeps a group's ladders from going lower than so many bits or a precision.

    >>> from spaces.models import named_architecture
    >>> space = SearchSpace(named_architecture("hubert-base"), granularity="group", precisions=["w1a1", "w2a8", "fp16"])
    >>> space.labels["attention"], space.labels["products"]
    (('w1a1', 'w2a8', 'fp16'), ('1 bit', '8 bit', '16 bit'))
    >>> space.rows.name(space.decode(dict.fromkeys(space.variables, 0)))
    'w1a1'

    Raises:
        UserError: if a group or precision does not exist, the ladders are not given in one of the two ways, or a group
            with a floor of its own shares choices with others.
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        granularity: str = "module",
        groups: Sequence[str] = BLOCK_GROUPS,
        precisions: Sequence[str] = (),
        weight_bits: Sequence[float] = (),
        activation_bits: Sequence[float] = (),
        least_bits: Mapping[str, float | str] | None = None,
    ) -> None:
        _refuse_unknown(granularity, groups, least_bits or {})
        if bool(precisions) == bool(weight_bits or activation_bits) or bool(weight_bits) != bool(activation_bits):
            raise UserError("space: give either precisions, or both weight_bits and activation_bits")
        self.architecture, self.granularity = architecture, granularity
        self.groups = tuple(g for g in GROUPS if g in groups)
        self.tied = bool(precisions)
        self._whole = sorted({Precision.parse(p, "space.precisions") for p in precisions})
        self._weights = sorted({bit_format(b, "space.weight_bits") for b in weight_bits})
        self._activations = sorted({bit_format(b, "space.activation_bits", activations=True) for b in activation_bits})
        if self.tied:
            self._activations = sorted({p.activation for p in self._whole})
        parsed = {group: parse_floor(group, floor) for group, floor in (least_bits or {}).items()}
        self.floors: Floors = {group: floor for group, floor in parsed.items() if group in self.groups}
        self.layers = tuple(layer for layer in architecture.layers if layer.group in self.groups)
        self.choices = self._choices()

    def _choices(self) -> tuple[Choice, ...]:
        shared: dict[str, list[Layer]] = {}
        for layer in self.layers:
            shared.setdefault(GRANULARITIES[self.granularity](layer), []).append(layer)
        return tuple(self._choice(name, layers) for name, layers in shared.items())

    def _choice(self, name: str, layers: Sequence[Layer]) -> Choice:
        floors = {self.floors.get(layer.group, NO_FLOOR) for layer in layers}
        if len(floors) > 1:
            raise UserError(f"space.least_bits: {name} holds several groups; choose a finer granularity")
        (floor,) = floors
        whole = [p for p in self._whole if raised(p, floor) == p]
        weights = [one for one in self._weights if one >= floor.weight]
        activations = [one for one in self._activations if one >= floor.activation]
        if not (activations and (whole if self.tied else weights)):
            raise UserError(f"space.least_bits: nothing is left on the ladder of {name}")
        if all(layer.kind == "product" for layer in layers):
            return weightless_choice(name if self.tied else f"{name}.a", layers, activations)
        if self.tied:
            return tied_choice(name, layers, whole)
        return separate_choice(name, layers, weights, activations)

    @cached_property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """What the rungs of every parameter are called, lowest first: precisions, or bits."""
        return {name: rungs for choice in self.choices for name, rungs in choice.parameters.items()}

    @cached_property
    def variables(self) -> dict[str, int]:
        """Name of every parameter and the number of its rungs."""
        return {name: len(rungs) for name, rungs in self.labels.items()}

    @property
    def size(self) -> int:
        """Number of assignments."""
        return math.prod(self.variables.values())

    @property
    def distributions(self) -> "dict[str, IntDistribution]":
        """The parameters as Optuna distributions."""
        from optuna.distributions import IntDistribution

        return {name: IntDistribution(0, rungs - 1) for name, rungs in self.variables.items()}

    def suggest(self, trial: "Trial") -> Assignment:
        """Ask an Optuna trial for every parameter."""
        return self.decode({name: trial.suggest_int(name, 0, rungs - 1) for name, rungs in self.variables.items()})

    def decode(self, rungs: Mapping[str, int]) -> Assignment:
        """The assignment that some rungs stand for."""
        precisions: dict[str, Precision] = {}
        for choice in self.choices:
            precisions |= choice.decode(rungs)
        return Assignment(precisions)

    def encode(self, assignment: Assignment) -> dict[str, int]:
        """The rungs of an assignment.

        Raises:
            UserError: if the assignment is not in this space.
        """
        rungs: dict[str, int] = {}
        for choice in self.choices:
            # a product repeats its activation bits as weight bits: ask a layer with weights where there is one
            layer = next((x for x in choice.layers if x.weights), choice.layers[0])
            try:
                rungs |= choice.encode(assignment[layer.name])
            except KeyError:
                precision = assignment[layer.name]
                raise UserError(f"{choice.name}: {precision} is not on the search space's ladder") from None
        if self.decode(rungs) != assignment:
            raise UserError("the assignment gives layers that this search space ties together different precisions")
        return rungs

    def __contains__(self, assignment: object) -> bool:
        try:
            return isinstance(assignment, Assignment) and bool(self.encode(assignment))
        except UserError:
            return False

    def uniform(self, precision: Precision) -> Assignment:
        """Every layer of the space at one precision; ``w2a2`` and ``w1a1`` are the paper's BiT-LA configurations.

        A group whose ladder does not go as low stays in fp16.
        """
        return Assignment.uniform(reaching(self.layers, precision, self.floors), precision)

    @property
    def formats(self) -> tuple[list[BitFormat], list[BitFormat]]:
        """The formats of weights and of activations on any ladder, lowest first."""
        return (sorted({p.weight for p in self._whole}) if self.tied else self._weights), self._activations

    @cached_property
    def bundles(self) -> tuple[tuple[str, ...], ...]:
        """Parameters that are worth moving together."""
        return bundles(self.choices, self.architecture.blocks)

    @cached_property
    def rows(self) -> Rows:
        """The rows that anybody could write by hand: uniform blocks, the rest of the model apart."""
        return Rows(self.layers, self.floors, *self.formats, within=self.__contains__)

    @property
    def signature(self) -> str:
        """A short hash of the model's tensors and of everything that is chosen."""
        ladders = [
            list(map(str, self._whole)),
            *([one.bits for one in own] for own in (self._weights, self._activations)),
        ]
        content: dict[str, Any] = {
            "tensors": self.architecture.tensors,
            "variables": self.variables,
            "members": {choice.name: [layer.name for layer in choice.layers] for choice in self.choices},
            "ladders": ladders,
        }
        if self.floors:
            content["least_bits"] = {group: str(floor) for group, floor in self.floors.items()}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _refuse_unknown(granularity: str, groups: Sequence[str], least_bits: Mapping[str, float | str]) -> None:
    if granularity not in GRANULARITIES:
        raise UserError(f"space.granularity: {granularity!r} does not exist; {choices(granularity, GRANULARITIES)}")
    for key, named in (("groups", groups), ("least_bits", least_bits)):
        for group in named:
            if group not in GROUPS:
                raise UserError(f"space.{key}: {group!r} does not exist; {choices(group, GROUPS)}")
