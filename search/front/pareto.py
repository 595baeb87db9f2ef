"""Fronts: who is not dominated, what the front is worth, and what each member gains over the uniform ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import moocore
import numpy as np

from evaluators.error_rate import paired_gain
from search.hypervolume import reference_beyond
from search.study.candidate import Candidate


def front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The members that no other one dominates in error rate, storage and runtime, by rising storage."""
    if not candidates:
        return []
    keep = moocore.is_nondominated(np.array([m.objectives for m in candidates]), keep_weakly=False)
    return sorted(
        (m for m, kept in zip(candidates, keep, strict=True) if kept), key=lambda m: (m.storage_mb, m.runtime)
    )


def reference_point(candidates: Sequence[Candidate]) -> tuple[float, float, float]:
    """The reference of a study: since its own rows are measured first, the search cannot move it."""
    return reference_beyond([m.objectives for m in candidates if m.baseline] or [m.objectives for m in candidates])


@dataclass(frozen=True)
class Gain:
    """Points of the error rate below the best uniform row that costs no more, with the paired 95 % bootstrap interval.

    ``better`` is whether the interval lies above zero: only then is there a gain.
    """

    over: str
    points: float
    low: float
    high: float

    @property
    def better(self) -> bool:
        """Whether the gain is distinguishable from none."""
        return self.low > 0

    def __str__(self) -> str:
        text = f"{self.points:+.2f} [{self.low:+.2f}, {self.high:+.2f}] over {self.over}"
        return text if self.better else f"none ({text})"


def is_tied(member: Candidate, on_front: Sequence[Candidate]) -> bool:
    """Whether a member is dominated, but by none whose error rate is lower beyond the paired 95 % bootstrap interval.

    The front as measured leaves it out; measured again, it might be on it.
    """
    return member not in on_front and not any(_beats(o, member) for o in on_front if _no_dearer(o, member))


def _no_dearer(one: Candidate, other: Candidate) -> bool:
    return one.storage_mb <= other.storage_mb and one.runtime <= other.runtime and one.error <= other.error


def _beats(one: Candidate, other: Candidate) -> bool:
    return paired_gain(one.counts, other.counts)[1] > 0


def test_gain(better: Candidate, worse: Candidate) -> tuple[float, float, float] | None:
    """Points by which one is below the other on the test corpus, with the paired interval; None if not scored."""
    mine, theirs = better.on_test, worse.on_test
    return None if mine is None or theirs is None else paired_gain(mine.counts, theirs.counts)


def gain_text(member: Candidate, candidates: Sequence[Candidate]) -> str:
    """What a table says of a member beside the uniform ones."""
    on_front = front(candidates)
    if member not in on_front:
        return "dominated, but not significantly" if is_tied(member, on_front) else "dominated"
    own = gain(member, candidates)
    if own is not None:
        return str(own)
    return "" if member.uniform else "no row costs as little"


def gain(member: Candidate, candidates: Sequence[Candidate]) -> Gain | None:
    """The gain over the best row of no more bytes and runtime; None for rows, or where none costs as little."""
    rivals = [
        c for c in candidates
        if c.uniform and c.storage_mb <= member.storage_mb and c.runtime <= member.runtime
    ]  # fmt: skip
    if member.uniform or not rivals:
        return None
    rival = min(rivals, key=lambda m: m.error)
    return Gain(rival.name, *lead(member, rival))


def lead(better: Candidate, worse: Candidate) -> tuple[float, float, float]:
    """Points by which one is below the other, with the paired interval: on the test corpus where both have it."""
    on_test = test_gain(better, worse)
    if on_test is not None:
        return on_test
    return paired_gain(better.counts, worse.counts)
