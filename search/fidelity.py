"""Between fidelities: who is promoted from the supernet's proxies, and how well two fidelities agree on the ranks."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import get_args

import moocore
import numpy as np

from search.member import Member
from search.pareto import reference_point
from search.snapshot import measured_members
from search.study_file import Fidelity, StudyFile
from spaces import Assignment, UserError


def promoted(members: Sequence[Member], count: int) -> list[Assignment]:
    """The mixed candidates worth a finetune: by non-dominated rank, then by what each adds to the hypervolume of it."""
    mixed = [m for m in members if not m.uniform]
    if not mixed:
        return []
    values = np.array([m.costs for m in mixed]) / np.array(reference_point(members))
    ranks = moocore.pareto_rank(values)
    added = np.zeros(len(mixed))
    for rank in np.unique(ranks):
        own = np.flatnonzero(ranks == rank)
        added[own] = moocore.hv_contributions(np.minimum(values[own], 1.0), ref=[1.0, 1.0, 1.0])
    return [mixed[i].assignment for i in np.lexsort((-added, ranks))[:count]]


@dataclass(frozen=True)
class Agreement:
    """Spearman's rank correlation of the WERs that two fidelities gave the same candidates."""

    low: str
    high: str
    candidates: int
    correlation: float

    def __str__(self) -> str:
        return f"{self.low} and {self.high}: {self.correlation:.3f} over {self.candidates} candidates"


def agreement(low: Sequence[Member], high: Sequence[Member], names: tuple[str, str]) -> Agreement | None:
    """How well the cheaper fidelity ranks what the dearer one measured; None below three common candidates."""
    from scipy.stats import spearmanr

    cheap = {m.assignment: m.wer for m in low}
    common = [(cheap[m.assignment], m.wer) for m in high if m.assignment in cheap]
    if len(common) < 3:
        return None
    first, second = np.array(common).T
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return Agreement(*names, len(common), float(spearmanr(first, second).statistic))


def agreements(file: StudyFile) -> list[Agreement]:
    """The agreements between neighbouring fidelities of a study, as far as they were measured."""
    measured: dict[Fidelity, list[Member]] = {}
    for fidelity in get_args(Fidelity):
        with suppress(UserError):
            measured[fidelity] = measured_members(file.at(fidelity))
    pairs: tuple[tuple[Fidelity, Fidelity], ...] = (("supernet", "short"), ("short", "refined"))
    found = [agreement(measured.get(a, []), measured.get(b, []), (a, b)) for a, b in pairs]
    return [one for one in found if one is not None]
