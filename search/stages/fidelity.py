"""How well two fidelities of a study agree on the ranks."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import get_args

import numpy as np

from search.study.candidate import Candidate
from search.study.snapshot import measured_candidates
from search.study.study_file import Fidelity, StudyFile
from spaces import UserError


@dataclass(frozen=True)
class Agreement:
    """Spearman's rank correlation of the WERs that two fidelities gave the same candidates."""

    low: str
    high: str
    candidates: int
    correlation: float

    def __str__(self) -> str:
        return f"{self.low} and {self.high}: {self.correlation:.3f} over {self.candidates} candidates"


def agreement(low: Sequence[Candidate], high: Sequence[Candidate], names: tuple[str, str]) -> Agreement | None:
    """How well the cheaper fidelity ranks what the dearer one measured; None below three common candidates."""
    from scipy.stats import spearmanr

    cheap = {m.assignment: m.error for m in low}
    common = [(cheap[m.assignment], m.error) for m in high if m.assignment in cheap]
    if len(common) < 3:
        return None
    first, second = np.array(common).T
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return Agreement(*names, len(common), float(spearmanr(first, second).statistic))


def agreements(file: StudyFile) -> list[Agreement]:
    """The agreements between neighbouring fidelities of a study, as far as they were measured."""
    measured: dict[Fidelity, list[Candidate]] = {}
    for fidelity in get_args(Fidelity):
        with suppress(UserError):
            measured[fidelity] = measured_candidates(file.at(fidelity))
    pairs: tuple[tuple[Fidelity, Fidelity], ...] = (("supernet", "short"), ("short", "refined"))
    found = [agreement(measured.get(a, []), measured.get(b, []), (a, b)) for a, b in pairs]
    return [one for one in found if one is not None]
