"""The measured candidates as the page shows them."""

from collections.abc import Sequence
from typing import Any

from search.front.choice import choosable, neighbours
from search.front.pareto import gain
from search.front.pick import better_on_test, doubts
from search.study.candidate import Candidate
from search.study.study_file import StudyFile
from search.views.figures.roles import roles
from search.views.page.layers import layer_bits


def build_members(candidates: Sequence[Candidate], file: StudyFile) -> tuple[list[dict[str, Any]], list[int]]:
    """Every candidate by rising storage, and the places of those that may be picked, in the order of the rule.

    What a pick says depends on the budget only by who fits it: ``doubts`` is what is said whatever the budget,
    ``rivals`` are better on the test corpus at no more cost, and count where they fit.
    """
    ordered = roles(candidates)
    place = {one: index for index, one in enumerate(ordered)}
    estimates = choosable(candidates)
    members = []
    for one, role in ordered.items():
        member = {"name": one.name, "role": role, **_measured(one), **_gain(one, candidates)}
        member |= {"bits": one.mean_bits, "short": one.assignment.short(file.architecture)}
        member |= layer_bits(one.assignment, file.architecture)
        if one in estimates:
            down, up = neighbours(one, estimates)
            member |= {
                "estimate": estimates[one],
                "down": None if down is None else place[down],
                "up": None if up is None else place[up],
                "doubts": list(doubts(one, down, ())),
                "rivals": [[place[other], text] for other, text in better_on_test(one, list(estimates))],
            }
        members.append(member)
    return members, [place[one] for one in estimates]


def _measured(one: Candidate) -> dict[str, Any]:
    test, other = one.on_test, one.on_other
    return {
        "error": one.error, "low": one.error_low, "high": one.error_high,
        "beside": one.beside, "storage_mb": one.storage_mb, "runtime": one.runtime,
        "test": test and test.percent, "test_low": test and test.low, "test_high": test and test.high,
        "other": other and other.percent,
    }  # fmt: skip


def _gain(one: Candidate, candidates: Sequence[Candidate]) -> dict[str, Any]:
    own = gain(one, candidates)
    found = None if own is None else {"points": own.points, "text": str(own), "better": own.better}
    return {"gain": found}
