"""The search space: which layers are chosen together, from which ladder of precisions."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from spaces.architecture import GROUPS, Architecture, Layer
from spaces.assignment import Assignment, fitted
from spaces.errors import UserError
from spaces.precision import Precision

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import IntDistribution

Granularity = Literal["model", "block", "module", "linear"]


@dataclass(frozen=True)
class Member:
    """Layers that share one choice of precision."""

    name: str
    layers: tuple[Layer, ...]

    @property
    def weightless(self) -> bool:
        """Whether it is attention products alone, which have activations but no weights."""
        return all(layer.kind == "product" for layer in self.layers)


class SearchSpace:
    """All assignments that a search may try.

    Either ``precisions`` is a ladder of whole precisions, one choice a member (bits tied), or ``weight_bits`` and
    ``activation_bits`` are two ladders, two choices a member. Choices are ordinal: indices into a ladder in rising
    order of bits.

    Raises:
        UserError: if a group or precision does not exist or the ladders are not given in one of the two ways.
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
    ) -> None:
        for group in groups:
            if group not in GROUPS:
                raise UserError(f"space.groups: {group!r} does not exist; choose from {', '.join(GROUPS)}")
        if bool(precisions) == bool(weight_bits or activation_bits) or bool(weight_bits) != bool(activation_bits):
            raise UserError("space: give either precisions, or both weight_bits and activation_bits")
        self.architecture = architecture
        self.granularity = granularity
        self.groups = tuple(g for g in GROUPS if g in groups)
        self.tied = bool(precisions)
        ladder = sorted({Precision.parse(p, "space.precisions") for p in precisions})
        self._ladder = tuple(ladder)
        self._weights = tuple(sorted({Precision(b, b).weight for b in weight_bits}))
        self._activations = tuple(sorted({Precision(b, b).weight for b in activation_bits}))
        if self.tied:
            self._activations = tuple(sorted({p.activation for p in ladder}))
        self.layers = tuple(layer for layer in architecture.layers if layer.group in self.groups)
        self.members = self._members()
        self._variables = self._ladders()

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

    def _ladders(self) -> dict[str, int]:
        sizes: dict[str, int] = {}
        for member in self.members:
            if self.tied:
                sizes[member.name] = len(self._activations) if member.weightless else len(self._ladder)
            else:
                if not member.weightless:
                    sizes[f"{member.name}.w"] = len(self._weights)
                sizes[f"{member.name}.a"] = len(self._activations)
        return sizes

    @property
    def variables(self) -> dict[str, int]:
        """Name of every choice and the number of its rungs."""
        return dict(self._variables)

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """What the rungs of every choice are called, lowest first: precisions, or bits."""
        words = {
            "precision": tuple(str(p) for p in self._ladder),
            "w": tuple(f"{b} bit" for b in self._weights),
            "a": tuple(f"{b} bit" for b in self._activations),
        }
        kinds: dict[str, str] = {}
        for member in self.members:
            if self.tied:
                kinds[member.name] = "a" if member.weightless else "precision"
            else:
                kinds |= {f"{member.name}.w": "w", f"{member.name}.a": "a"}
        return {name: words[kinds[name]] for name in self._variables}

    @property
    def size(self) -> int:
        """Number of assignments."""
        total = 1
        for rungs in self._variables.values():
            total *= rungs
        return total

    @property
    def distributions(self) -> "dict[str, IntDistribution]":
        """The choices as Optuna distributions."""
        from optuna.distributions import IntDistribution

        return {name: IntDistribution(0, rungs - 1) for name, rungs in self._variables.items()}

    def suggest(self, trial: "Trial") -> Assignment:
        """Ask an Optuna trial for every choice."""
        return self.decode({name: trial.suggest_int(name, 0, rungs - 1) for name, rungs in self._variables.items()})

    def decode(self, choices: Mapping[str, int]) -> Assignment:
        """The assignment that some rungs stand for."""
        precisions: dict[str, Precision] = {}
        for member in self.members:
            chosen = self._precision(member, choices)
            precisions |= {layer.name: fitted(layer, chosen) for layer in member.layers}
        return Assignment(precisions)

    def _precision(self, member: Member, choices: Mapping[str, int]) -> Precision:
        if self.tied and not member.weightless:
            return self._ladder[choices[member.name]]
        activation = self._activations[choices[member.name if self.tied else f"{member.name}.a"]]
        return Precision(activation if member.weightless else self._weights[choices[f"{member.name}.w"]], activation)

    def encode(self, assignment: Assignment) -> dict[str, int]:
        """The rungs of an assignment.

        Raises:
            UserError: if the assignment is not in this space.
        """
        choices: dict[str, int] = {}
        for member in self.members:
            # a product repeats its activation bits as weight bits: ask a layer with weights where there is one
            layer = next((x for x in member.layers if x.weights), member.layers[0])
            precision = assignment[layer.name]
            try:
                if self.tied and not member.weightless:
                    choices[member.name] = self._ladder.index(precision)
                    continue
                if not member.weightless:
                    choices[f"{member.name}.w"] = self._weights.index(precision.weight)
                name = member.name if self.tied else f"{member.name}.a"
                choices[name] = self._activations.index(precision.activation)
            except ValueError:
                raise UserError(f"{member.name}: {precision} is not on the search space's ladder") from None
        if self.decode(choices) != assignment:
            raise UserError("the assignment gives layers that this search space ties together different precisions")
        return choices

    def uniform(self, precision: Precision) -> Assignment:
        """Every layer of the space at one precision; ``w2a2`` and ``w1a1`` are the paper's BiT-LA configurations."""
        return Assignment.uniform(self.layers, precision)

    @property
    def signature(self) -> str:
        """A short hash of the model's tensors and of everything that is chosen."""
        content = {
            "tensors": self.architecture.tensors,
            "variables": self._variables,
            "members": {m.name: [layer.name for layer in m.layers] for m in self.members},
            "ladders": [[str(p) for p in self._ladder], self._weights, self._activations],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
