"""Floors: how low a group of layers may go at the least."""

from collections.abc import Mapping, Sequence

from spaces.architecture import Layer
from spaces.precision import LOWEST, Precision

Floors = Mapping[str, Precision]  # group -> the lowest formats of its weights and activations
NO_FLOOR = Precision(LOWEST, LOWEST)


def parse_floor(group: str, floor: float | str) -> Precision:
    """A group's floor: a precision such as ``w4a8``, or one number for both weights and activations."""
    where = f"space.least_bits: {group}"
    return Precision.parse(floor, where) if isinstance(floor, str) else Precision.of(floor, floor, where)


def raised(precision: Precision, floor: Precision) -> Precision:
    """The precision, or its floor's formats where those have more bits."""
    return Precision(max(precision.weight, floor.weight), max(precision.activation, floor.activation))


def reaching(layers: Sequence[Layer], precision: Precision, floors: Floors) -> list[Layer]:
    """The layers whose group goes as low as a precision, in weights and in activations."""
    return [x for x in layers if raised(precision, floors.get(x.group, NO_FLOOR)) == precision]
