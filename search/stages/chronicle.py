"""What a driver has to tell of its trials: which are under way, what came of the others and what that brought."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from spaces import Assignment

Values = tuple[float, float, float]


@dataclass(frozen=True)
class Busy:
    """A trial under way: its candidate, and for how many seconds."""

    number: int
    name: str
    seconds: float


@dataclass(frozen=True)
class Told:
    """What came of a trial.

    Attributes:
        values: error rate in percent, MB, share of fp16's runtime; None where it failed.
        growth: by how much it raised the hypervolume.
        on_front: whether no other one dominated it when it came.
        failure: its kind; empty where there is none.
    """

    number: int
    name: str
    values: Values | None
    growth: float = 0.0
    on_front: bool = False
    failure: str = ""
    message: str = ""


class Chronicle:
    """Kept by a driver, read by screens.

    Args:
        names: of the rows, by their assignment's digest.

    Attributes:
        told: the trials that ended, oldest first.
        repeated: proposals that were measured before, and cost nothing.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._under_way: dict[int, tuple[str, float]] = {}
        self.told: list[Told] = []
        self.repeated = 0

    def started(self, number: int, assignment: Assignment) -> None:
        """A trial is under way."""
        self._under_way[number] = (self._name(assignment), time.monotonic())

    def measured(self, number: int, assignment: Assignment, values: Values, growth: float, on_front: bool) -> None:
        """A trial gave a candidate."""
        self._under_way.pop(number, None)
        self.told.append(Told(number, self._name(assignment), values, growth, on_front))

    def failed(self, number: int, assignment: Assignment, kind: str, message: str) -> None:
        """A trial gave none."""
        self._under_way.pop(number, None)
        self.told.append(Told(number, self._name(assignment), None, failure=kind, message=message))

    @property
    def busy(self) -> list[Busy]:
        """What is under way, the oldest first."""
        now = time.monotonic()
        return [Busy(number, name, now - began) for number, (name, began) in self._under_way.items()]

    def _name(self, assignment: Assignment) -> str:
        return self._names.get(assignment.digest) or f"mixed-{assignment.digest[:6]}"
