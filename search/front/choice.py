"""The rule of a choice: who may be chosen, who is, and who lies next to it.

The report's script has the same rule (``search/views/page/rule.js``), held against this one by a test.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from search.front.pareto import front
from search.front.shrunken import shrink_candidates, shrunken_front
from search.study.candidate import Candidate

Goal = Literal["best", "smallest", "knee"]
Estimates = Mapping[Candidate, float]
Limits = Mapping[str, float]


def choosable(candidates: Sequence[Candidate]) -> dict[Candidate, float]:
    """The rows and the fronts of measured and of shrunken WERs, each with its shrunken WER in percent."""
    estimates = dict(zip(candidates, shrink_candidates(candidates).wer.tolist(), strict=True))
    members = [*front(candidates), *shrunken_front(candidates), *(c for c in candidates if c.uniform)]
    return {member: estimates[member] for member in dict.fromkeys(members)}


def goal_of(limits: Limits, knee: bool) -> Goal:
    """What is looked for within some limits: where only an error rate is given, the smallest file that reaches it."""
    return "knee" if knee else "smallest" if set(limits) == {"error"} else "best"


def within(estimates: Estimates, limits: Limits) -> list[Candidate]:
    """Those that keep every limit."""
    return [m for m in estimates if all(getattr(m, key) <= limit for key, limit in limits.items())]


def choose(estimates: Estimates, limits: Limits, goal: Goal) -> Candidate | None:
    """The lowest shrunken WER, the smallest file, or the nearest to the ideal corner; None where nothing fits."""
    fitting = within(estimates, limits)
    if not fitting:
        return None
    if goal == "knee":
        return _knee(fitting)
    if goal == "smallest":
        return min(fitting, key=lambda m: m.storage_mb)
    return min(fitting, key=lambda m: (estimates[m], m.storage_mb))


def binding(estimates: Estimates, limits: Limits, goal: Goal) -> tuple[str, ...]:
    """The limits without which another one were chosen."""
    chosen = choose(estimates, limits, goal)
    others = {key: {k: v for k, v in limits.items() if k != key} for key in limits}
    return tuple(key for key, rest in others.items() if choose(estimates, rest, goal) != chosen)


def neighbours(chosen: Candidate, estimates: Estimates) -> tuple[Candidate | None, Candidate | None]:
    """The next one down and the next one up; None at an end.

    Down is the lowest shrunken WER among those that cost less. Up is, among those of a lower shrunken WER, the one
    whose storage or runtime, whichever grows more, grows least.
    """
    cheaper = [m for m in estimates if _cheaper(m, chosen)]
    better = [m for m in estimates if estimates[m] < estimates[chosen]]
    down = min(cheaper, key=lambda m: estimates[m], default=None)
    up = min(better, key=lambda m: (_times(m, chosen), estimates[m]), default=None)
    return down, up


def _cheaper(one: Candidate, other: Candidate) -> bool:
    mine, theirs = one.objectives[1:], other.objectives[1:]
    return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))


def _times(dearer: Candidate, chosen: Candidate) -> float:
    return max(dearer.storage_mb / chosen.storage_mb, dearer.runtime / chosen.runtime)


def _knee(members: Sequence[Candidate]) -> Candidate:
    costs = np.array([m.objectives for m in members])
    span = np.ptp(costs, axis=0)
    scaled = (costs - costs.min(0)) / np.where(span > 0, span, 1.0)
    return members[int(np.argmin((scaled**2).sum(axis=1)))]
