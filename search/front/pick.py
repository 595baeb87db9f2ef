"""Picking one member of the front: under budgets, or at the knee."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from search.front.pareto import front, test_gain
from search.front.shrunken import shrink_candidates, shrunken_front
from search.study.candidate import Candidate
from spaces import UserError

_WIDE = 0.5  # share of the WER that its 95 % interval may span
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
    """A candidate, why it was taken, and what speaks against trusting the choice.

    Attributes:
        estimate: its shrunken WER, by which it was chosen.
    """

    candidate: Candidate
    reason: str
    estimate: float
    warnings: tuple[str, ...] = ()


def pick(candidates: Sequence[Candidate], budget: Budget, *, knee: bool = False) -> Pick:
    """The lowest shrunken WER within the budget; where only a WER is given, the smallest file that reaches it.

    With ``knee`` the member within the budget that is nearest to the ideal corner of all objectives.

    Args:
        candidates: everyone that was measured: estimates follow from all, the choice is among the rows and the fronts
            of measured and of shrunken WERs.

    Raises:
        UserError: if nothing meets the budget; it names the nearest member and what it misses.
    """
    if not candidates:
        raise UserError("nothing measured yet; run `hubits search` first")
    estimates = dict(zip(candidates, shrink_candidates(candidates).wer.tolist(), strict=True))
    rows = (c for c in candidates if c.uniform)
    members = list(dict.fromkeys([*front(candidates), *shrunken_front(candidates), *rows]))
    limits = budget.limits()
    fitting = [m for m in members if all(getattr(m, key) <= limit for key, limit in limits.items())]
    wanted = " and ".join(_say(key, limit, "at most ") for key, limit in limits.items()) or "no budget"
    if not fitting:
        raise UserError(_missed(members, limits, wanted))
    if knee:
        chosen, why = _knee(fitting), f"the knee of {len(fitting)} members with {wanted}: nearest to the ideal corner"
    elif set(limits) == {"wer"}:
        chosen = min(fitting, key=lambda m: m.storage_mb)
        why = f"the smallest file of {len(fitting)} members with {wanted}"
    else:
        chosen = min(fitting, key=lambda m: (estimates[m], m.storage_mb))
        why = f"lowest WER of {len(fitting)} members with {wanted}"
    return Pick(chosen, why, estimates[chosen], tuple(doubts(chosen, fitting)))


def _missed(members: Sequence[Candidate], limits: dict[str, float], wanted: str) -> str:
    nearest = min(members, key=lambda m: sum(max(0.0, getattr(m, k) / limit - 1) for k, limit in limits.items()))
    missed = " and ".join(_say(k, getattr(nearest, k)) for k, limit in limits.items() if getattr(nearest, k) > limit)
    return f"no member has {wanted}; the nearest is {nearest.name} with {missed}: raise the budget"


def doubts(chosen: Candidate, others: Sequence[Candidate]) -> Iterator[str]:
    """What speaks against trusting the choice of a candidate among others that were to be had."""
    no_dearer = [
        o for o in others if o is not chosen and o.storage_mb <= chosen.storage_mb and o.runtime <= chosen.runtime
    ]
    for other in no_dearer:
        gain = test_gain(other, chosen)
        if gain is not None and gain[1] > 0:
            yield f"on the test corpus {other.name}, which costs no more, is better by {gain[0]:.2f} points"
    width = chosen.wer_high - chosen.wer_low
    if chosen.wer > 0 and width > _WIDE * chosen.wer:
        yield f"its WER is known to {width:.1f} points only; a larger development corpus tells more"


def _say(key: str, value: float, before: str = "") -> str:
    what, unit = _UNITS[key]
    return f"{what} {before}{value:g} {unit}" if before else f"{what} {value:.3f} {unit}"


def _knee(members: Sequence[Candidate]) -> Candidate:
    costs = np.array([m.objectives for m in members])
    span = np.ptp(costs, axis=0)
    scaled = (costs - costs.min(0)) / np.where(span > 0, span, 1.0)
    return members[int(np.argmin(np.linalg.norm(scaled, axis=1)))]
