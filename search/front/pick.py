"""Picking one member of the front: under budgets, or at the knee."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evaluators.error_rate import MEASURES, Measure
from search.front.choice import binding, choosable, choose, goal_of, neighbours, within
from search.front.pareto import lead, test_gain
from search.study.candidate import Candidate
from spaces import UserError

_WIDE = 0.5  # share of the error rate that its 95 % interval may span
_UNITS = {"storage_mb": ("storage", "MB"), "runtime": ("runtime", "of fp16")}


@dataclass(frozen=True)
class Budget:
    """Upper limits; None means no limit. Storage in MB, runtime as a share of fp16, error rates in percent.

    Raises:
        UserError: if a limit is not a positive number.
    """

    max_storage: float | None = None
    max_runtime: float | None = None
    max_wer: float | None = None
    max_cer: float | None = None

    def __post_init__(self) -> None:
        if self.max_wer is not None and self.max_cer is not None:
            raise UserError("max-wer and max-cer: a study searches one of the two; give the one that it does")
        for key, limit in self.limits().items():
            if not 0 < limit < math.inf:
                measure: Measure = "wer" if self.max_cer is None else "cer"
                raise UserError(f"the limit of {named(key, measure)} must be a positive number, not {limit:g}")

    def limits(self) -> dict[str, float]:
        """The limits that are set, by the member's attribute."""
        error = self.max_cer if self.max_wer is None else self.max_wer
        wanted = {"storage_mb": self.max_storage, "runtime": self.max_runtime, "error": error}
        return {key: limit for key, limit in wanted.items() if limit is not None}

    def refuse_another(self, measure: Measure) -> None:
        """Refuse a limit of the error rate that a study does not search.

        Raises:
            UserError: if there is one.
        """
        if (self.max_wer if measure == "cer" else self.max_cer) is not None:
            other = "max-wer" if measure == "cer" else "max-cer"
            raise UserError(f"{other}: the study searches {MEASURES[measure]}; give max-{measure}")


@dataclass(frozen=True)
class Pick:
    """A candidate, why it was taken, what lies next to it, and what speaks against trusting the choice.

    Attributes:
        estimate: its shrunken error rate, by which it was chosen.
        binding: the limits without which another one had been taken, as ``Budget.limits`` names them.
        down: the next one that costs less; ``up`` the next one of a lower shrunken rate. None at an end.
    """

    candidate: Candidate
    reason: str
    estimate: float
    warnings: tuple[str, ...] = ()
    binding: tuple[str, ...] = ()
    down: Candidate | None = None
    up: Candidate | None = None


_WHY = {
    "knee": "the knee of {} members with {}: nearest to the ideal corner",
    "smallest": "the smallest file of {} members with {}",
    "best": "lowest {rate} of {} members with {}",
}


def pick(candidates: Sequence[Candidate], budget: Budget, *, knee: bool = False) -> Pick:
    """The lowest shrunken error rate within the budget; where only that is limited, the smallest file that reaches it.

    With ``knee`` the member within the budget that is nearest to the ideal corner of all objectives.

    Args:
        candidates: everyone that was measured: estimates follow from all, the choice is among ``choosable``.

    Raises:
        UserError: if nothing meets the budget; it names the nearest member and what it misses.
    """
    if not candidates:
        raise UserError("nothing measured yet; run `hubits search` first")
    measure = candidates[0].measure
    budget.refuse_another(measure)
    estimates, limits = choosable(candidates), budget.limits()
    wanted = " and ".join(_say(key, limit, measure, "at most ") for key, limit in limits.items()) or "no budget"
    goal = goal_of(limits, knee)
    chosen = choose(estimates, limits, goal)
    if chosen is None:
        raise UserError(_missed(list(estimates), limits, wanted))
    fitting = within(estimates, limits)
    down, up = neighbours(chosen, estimates)
    reason = _WHY[goal].format(len(fitting), wanted, rate=MEASURES[measure])
    return Pick(
        chosen, reason, estimates[chosen], tuple(doubts(chosen, down, fitting)), binding(estimates, limits, goal), down,
        up,
    )  # fmt: skip


def _missed(members: Sequence[Candidate], limits: dict[str, float], wanted: str) -> str:
    nearest = min(members, key=lambda m: sum(max(0.0, getattr(m, k) / limit - 1) for k, limit in limits.items()))
    missed = " and ".join(
        _say(k, getattr(nearest, k), nearest.measure) for k, limit in limits.items() if getattr(nearest, k) > limit
    )
    return f"no member has {wanted}; the nearest is {nearest.name} with {missed}: raise the budget"


def doubts(chosen: Candidate, down: Candidate | None, others: Sequence[Candidate]) -> Iterator[str]:
    """What speaks against trusting the choice of a candidate.

    Args:
        down: the next one that costs less.
        others: that were to be had.
    """
    yield from (text for _, text in better_on_test(chosen, others))
    width = chosen.error_high - chosen.error_low
    if chosen.error > 0 and width > _WIDE * chosen.error:
        yield f"its {chosen.label} is known to {width:.1f} points only; a larger development corpus tells more"
    if down is not None:
        points, low, high = lead(chosen, down)
        if low <= 0:
            span = f"{points:+.2f} points [{low:+.2f}, {high:+.2f}]"
            yield f"its lead over {down.name}, which costs less, is noise: {span}"


def better_on_test(chosen: Candidate, others: Sequence[Candidate]) -> Iterator[tuple[Candidate, str]]:
    """Those that cost no more and are significantly better on the test corpus, each with what to say of it."""
    for other in others:
        if other is chosen or other.storage_mb > chosen.storage_mb or other.runtime > chosen.runtime:
            continue
        gain = test_gain(other, chosen)
        if gain is not None and gain[1] > 0:
            yield other, f"on the test corpus {other.name}, which costs no more, is better by {gain[0]:.2f} points"


def named(key: str, measure: Measure) -> str:
    """What a limit is of, such as ``storage``, by the member's attribute."""
    return MEASURES[measure] if key == "error" else _UNITS[key][0]


def _say(key: str, value: float, measure: Measure, before: str = "") -> str:
    """A limit or what a member has, such as ``storage at most 1.2 MB``, by the member's attribute."""
    what, unit = named(key, measure), "%" if key == "error" else _UNITS[key][1]
    return f"{what} {before}{value:g} {unit}" if before else f"{what} {value:.3f} {unit}"
