"""Picking one member of the front: under budgets, or at the knee."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.study.candidate import Candidate
from spaces import UserError

_UNITS = {"storage_mb": ("storage", "MB"), "runtime": ("runtime", "of fp16"), "wer": ("WER", "%")}


@dataclass(frozen=True)
class Budget:
    """Upper limits; None means no limit. Storage in MB, runtime as a share of fp16, WER in percent.

    Raises:
        UserError: if a limit is not a positive number.
    """

    max_storage: float | None = None
    max_runtime: float | None = None
    max_wer: float | None = None

    def __post_init__(self) -> None:
        for key, limit in self.limits().items():
            if not 0 < limit < math.inf:
                raise UserError(f"the limit of {_UNITS[key][0]} must be a positive number, not {limit:g}")

    def limits(self) -> dict[str, float]:
        """The limits that are set, by the member's attribute."""
        named = {"storage_mb": self.max_storage, "runtime": self.max_runtime, "wer": self.max_wer}
        return {key: limit for key, limit in named.items() if limit is not None}


@dataclass(frozen=True)
class Pick:
    """A candidate and why it was taken."""

    candidate: Candidate
    reason: str


def pick(members: Sequence[Candidate], budget: Budget, *, knee: bool = False) -> Pick:
    """The lowest WER within the budget; where only a WER is given, the smallest file that reaches it.

    With ``knee`` the member within the budget that is nearest to the ideal corner of all objectives.

    Raises:
        UserError: if nothing meets the budget; it names the nearest member and what it misses.
    """
    if not members:
        raise UserError("nothing measured yet; run `hubits search` first")
    limits = budget.limits()
    fitting = [m for m in members if all(getattr(m, key) <= limit for key, limit in limits.items())]
    wanted = " and ".join(_say(key, limit, "at most ") for key, limit in limits.items()) or "no budget"
    if not fitting:
        nearest = min(members, key=lambda m: sum(max(0.0, getattr(m, k) / limit - 1) for k, limit in limits.items()))
        missed = " and ".join(
            _say(k, getattr(nearest, k)) for k, limit in limits.items() if getattr(nearest, k) > limit
        )
        raise UserError(f"no member has {wanted}; the nearest is {nearest.name} with {missed}: raise the budget")
    if knee:
        return Pick(_knee(fitting), f"the knee of {len(fitting)} members with {wanted}: nearest to the ideal corner")
    if set(limits) == {"wer"}:
        return Pick(
            min(fitting, key=lambda m: m.storage_mb), f"the smallest file of {len(fitting)} members with {wanted}"
        )
    return Pick(
        min(fitting, key=lambda m: (m.wer, m.storage_mb)), f"lowest WER of {len(fitting)} members with {wanted}"
    )


def _say(key: str, value: float, before: str = "") -> str:
    what, unit = _UNITS[key]
    return f"{what} {before}{value:g} {unit}" if before else f"{what} {value:.3f} {unit}"


def _knee(members: Sequence[Candidate]) -> Candidate:
    costs = np.array([m.objectives for m in members])
    span = np.ptp(costs, axis=0)
    scaled = (costs - costs.min(0)) / np.where(span > 0, span, 1.0)
    return members[int(np.argmin(np.linalg.norm(scaled, axis=1)))]
