"""The search space: which layers are chosen together, from which ladder of precisions."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from spaces.architecture import GROUPS, Architecture, Layer
from spaces.assignment import Assignment, fitted
from spaces.errors import UserError
from spaces.precision import Precision

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import IntDistribution

Granularity = Literal["model", "block", "module", "linear"]


Floors = Mapping[str, Precision]
_NO_FLOOR = Precision(1, 1)


def reaching(layers: Sequence[Layer], precision: Precision, floors: Floors) -> list[Layer]:
    """The layers whose group goes as low as a precision, in weights and in activations."""
    return [layer for layer in layers if not _below(precision, floors.get(layer.group, _NO_FLOOR))]


def raised(precision: Precision, floor: Precision) -> Precision:
    """The precision, or its floor's bits where those are more."""
    return Precision(max(precision.weight, floor.weight), max(precision.activation, floor.activation))


def _below(precision: Precision, floor: Precision) -> bool:
    return raised(precision, floor) != precision


def parse_floor(group: str, floor: int | str) -> Precision:
    """A group's floor: a precision such as ``w4a8``, or one number for both weights and activations."""
    text = f"w{floor}a{floor}" if isinstance(floor, int) else floor
    return Precision.parse(text, f"space.least_bits: {group}")


@dataclass(frozen=True)
class Member:
    """Layers that share one choice of precision."""

    name: str
    layers: tuple[Layer, ...]

    @property
    def weightless(self) -> bool:
        """Whether it is attention products alone, which have activations but no weights."""
        return all(layer.kind == "product" for layer in self.layers)


class Ladder(NamedTuple):
    """The rungs of a member, lowest first: whole precisions where bits are tied, else weight and activation bits."""

    precisions: tuple[Precision, ...]
    weights: tuple[int, ...]
    activations: tuple[int, ...]


class SearchSpace:
    """All assignments that a search may try.

    Either ``precisions`` is a ladder of whole precisions, one choice a member (bits tied), or ``weight_bits`` and
    ``activation_bits`` are two ladders, two choices a member. Choices are ordinal: indices into a ladder in rising
    order of bits. ``least_bits`` keeps a group's ladders from going lower than so many bits, or than a precision.

    Raises:
        UserError: if a group or precision does not exist, the ladders are not given in one of the two ways, or a group
            with a floor of its own shares choices with others.
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        granularity: Granularity = "module",
        groups: Sequence[str] = ("attention", "products", "feed_forward"),
        precisions: Sequence[str] = (),
        weight_bits: Sequence[int] = (),
        activation_bits: Sequence[int] = (),
        least_bits: Mapping[str, int | str] | None = None,
    ) -> None:
        for key, named in (("groups", groups), ("least_bits", least_bits or {})):
            for group in named:
                if group not in GROUPS:
                    raise UserError(f"space.{key}: {group!r} does not exist; choose from {', '.join(GROUPS)}")
        if bool(precisions) == bool(weight_bits or activation_bits) or bool(weight_bits) != bool(activation_bits):
            raise UserError("space: give either precisions, or both weight_bits and activation_bits")
        self.architecture = architecture
        self.granularity = granularity
        self.groups = tuple(g for g in GROUPS if g in groups)
        self.tied = bool(precisions)
        ladder = sorted({Precision.parse(p, "space.precisions") for p in precisions})
        self._whole = [str(p) for p in ladder]
        self._weights = tuple(sorted({Precision(b, b).weight for b in weight_bits}))
        self._activations = tuple(sorted({Precision(b, b).weight for b in activation_bits}))
        if self.tied:
            self._activations = tuple(sorted({p.activation for p in ladder}))
        parsed = {group: parse_floor(group, floor) for group, floor in (least_bits or {}).items()}
        self.floors = {group: floor for group, floor in parsed.items() if group in self.groups}
        self.layers = tuple(layer for layer in architecture.layers if layer.group in self.groups)
        self.members = self._members()
        self._ladders = {member.name: self._ladder_of(member, ladder) for member in self.members}
        self._rungs = self._name_rungs()

    def _members(self) -> tuple[Member, ...]:
        members: dict[str, list[Layer]] = {}
        for layer in self.layers:
            block = f"block{layer.block}" if layer.block is not None else layer.group
            name = {
                "model": "model",
                "block": block,
                "module": f"{block}.{layer.group}" if layer.block is not None else layer.group,
                "linear": layer.name,
            }[self.granularity]
            members.setdefault(name, []).append(layer)
        return tuple(Member(name, tuple(layers)) for name, layers in members.items())

    def _ladder_of(self, member: Member, precisions: Sequence[Precision]) -> Ladder:
        floors = {self.floors.get(layer.group, _NO_FLOOR) for layer in member.layers}
        if len(floors) > 1:
            raise UserError(f"space.least_bits: {member.name} holds several groups; choose a finer granularity")
        (floor,) = floors
        whole = tuple(p for p in precisions if not _below(p, floor))
        weights = tuple(b for b in self._weights if b >= floor.weight)
        activations = tuple(b for b in self._activations if b >= floor.activation)
        if not (activations and (whole if self.tied else weights)):
            raise UserError(f"space.least_bits: nothing is left on the ladder of {member.name}")
        return Ladder(whole, weights, activations)

    def _name_rungs(self) -> dict[str, tuple[str, ...]]:
        rungs: dict[str, tuple[str, ...]] = {}
        for member in self.members:
            ladder = self._ladders[member.name]
            weights, activations = (tuple(f"{b} bit" for b in bits) for bits in (ladder.weights, ladder.activations))
            if self.tied:
                rungs[member.name] = activations if member.weightless else tuple(map(str, ladder.precisions))
                continue
            if not member.weightless:
                rungs[f"{member.name}.w"] = weights
            rungs[f"{member.name}.a"] = activations
        return rungs

    @property
    def variables(self) -> dict[str, int]:
        """Name of every choice and the number of its rungs."""
        return {name: len(rungs) for name, rungs in self._rungs.items()}

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """What the rungs of every choice are called, lowest first: precisions, or bits."""
        return dict(self._rungs)

    @property
    def size(self) -> int:
        """Number of assignments."""
        total = 1
        for rungs in self.variables.values():
            total *= rungs
        return total

    @property
    def distributions(self) -> "dict[str, IntDistribution]":
        """The choices as Optuna distributions."""
        from optuna.distributions import IntDistribution

        return {name: IntDistribution(0, rungs - 1) for name, rungs in self.variables.items()}

    def suggest(self, trial: "Trial") -> Assignment:
        """Ask an Optuna trial for every choice."""
        return self.decode({name: trial.suggest_int(name, 0, rungs - 1) for name, rungs in self.variables.items()})

    def decode(self, choices: Mapping[str, int]) -> Assignment:
        """The assignment that some rungs stand for."""
        precisions: dict[str, Precision] = {}
        for member in self.members:
            chosen = self._precision(member, choices)
            precisions |= {layer.name: fitted(layer, chosen) for layer in member.layers}
        return Assignment(precisions)

    def _precision(self, member: Member, choices: Mapping[str, int]) -> Precision:
        if self.tied and not member.weightless:
            return self._ladders[member.name].precisions[choices[member.name]]
        ladder = self._ladders[member.name]
        activation = ladder.activations[choices[member.name if self.tied else f"{member.name}.a"]]
        return Precision(activation if member.weightless else ladder.weights[choices[f"{member.name}.w"]], activation)

    def encode(self, assignment: Assignment) -> dict[str, int]:
        """The rungs of an assignment.

        Raises:
            UserError: if the assignment is not in this space.
        """
        choices: dict[str, int] = {}
        for member in self.members:
            # a product repeats its activation bits as weight bits: ask a layer with weights where there is one
            layer = next((x for x in member.layers if x.weights), member.layers[0])
            precision, ladder = assignment[layer.name], self._ladders[member.name]
            try:
                if self.tied and not member.weightless:
                    choices[member.name] = ladder.precisions.index(precision)
                    continue
                if not member.weightless:
                    choices[f"{member.name}.w"] = ladder.weights.index(precision.weight)
                name = member.name if self.tied else f"{member.name}.a"
                choices[name] = ladder.activations.index(precision.activation)
            except ValueError:
                raise UserError(f"{member.name}: {precision} is not on the search space's ladder") from None
        if self.decode(choices) != assignment:
            raise UserError("the assignment gives layers that this search space ties together different precisions")
        return choices

    def uniform(self, precision: Precision) -> Assignment:
        """Every layer of the space at one precision; ``w2a2`` and ``w1a1`` are the paper's BiT-LA configurations.

        A group whose ladder does not go as low stays in fp16.
        """
        return Assignment.uniform(reaching(self.layers, precision, self.floors), precision)

    @property
    def signature(self) -> str:
        """A short hash of the model's tensors and of everything that is chosen."""
        content: dict[str, Any] = {
            "tensors": self.architecture.tensors,
            "variables": self.variables,
            "members": {m.name: [layer.name for layer in m.layers] for m in self.members},
            "ladders": [self._whole, self._weights, self._activations],
        }
        if self.floors:
            content["least_bits"] = {
                group: floor.weight if floor.weight == floor.activation else str(floor)
                for group, floor in self.floors.items()
            }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
