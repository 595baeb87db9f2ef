"""Fronts side by side: hypervolumes on a common reference, who covers whom, what seeds attain.

Coverage is the set coverage of Zitzler and Thiele ("Multiobjective evolutionary algorithms: a comparative case study
and the strength Pareto approach", 1999), attainment that of Fonseca and Fleming ("On the performance assessment and
comparison of stochastic multiobjective optimizers", 1996).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

import moocore
import numpy as np

from search.front.layer_bits import LayerBits, Side, rank_agreement
from search.hypervolume import hypervolume, reference_beyond

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Contender:
    """What one study, seed, fidelity or export came to.

    Attributes:
        label: what tables and figures call it.
        names: of what was measured; ``points`` its WER in percent, MB and runtime.
        group: contenders of the same group are seeds of one another; empty for none.
        bits: of every layer over the mixtures of its front; empty where not known.
        speech: words of every development utterance; WERs of other speech cannot be compared. None where not known.
    """

    label: str
    names: tuple[str, ...]
    points: tuple[Point, ...]
    group: str = ""
    speech: tuple[int, ...] | None = None
    bits: dict[str, LayerBits] = field(default_factory=dict, compare=False)

    @property
    def front(self) -> list[Point]:
        """What nothing of its own dominates, by rising storage."""
        keep = moocore.is_nondominated(np.array(self.points), keep_weakly=False)
        return sorted((p for p, kept in zip(self.points, keep, strict=True) if kept), key=lambda p: (p[1], p[2], p[0]))


@dataclass(frozen=True)
class Comparison:
    """Contenders on a common reference point.

    Attributes:
        reference: a tenth beyond the worst of all fronts.
        volumes: share of the reference box that each front dominates.
        coverage: for each contender (rows) the share of each other's front (columns) that it is no worse than anywhere.
        kept: share of each front that no other contender dominates.
    """

    contenders: tuple[Contender, ...]
    reference: Point
    volumes: tuple[float, ...]
    coverage: tuple[tuple[float, ...], ...]
    kept: tuple[float, ...]


@dataclass(frozen=True)
class Attainment:
    """The lowest WER within each storage (MB) over the seeds of a group: of the best, the median and the worst seed.

    Infinite where a seed has nothing as small.
    """

    group: str
    seeds: int
    storage_mb: tuple[float, ...]
    best: tuple[float, ...]
    median: tuple[float, ...]
    worst: tuple[float, ...]


def compare(contenders: Sequence[Contender]) -> Comparison:
    """Compare fronts; each contender has at least one point."""
    fronts = [one.front for one in contenders]
    wer, storage_mb, runtime = reference_beyond([p for own in fronts for p in own])
    reference = (wer or 1.0, storage_mb, runtime)  # where nobody errs
    coverage = tuple(tuple(_covered(mine, theirs) for theirs in fronts) for mine in fronts)
    kept = tuple(
        float(
            np.mean([not any(_dominates(q, p) for j, other in enumerate(fronts) if j != i for q in other) for p in own])
        )
        for i, own in enumerate(fronts)
    )
    return Comparison(
        tuple(contenders), reference, tuple(hypervolume(own, reference) for own in fronts), coverage, kept
    )


def agreements(contenders: Sequence[Contender]) -> list[tuple[str, str, Side, float]]:
    """Rank agreement of the bits of layers between every two contenders, weights and activations, where known."""
    found = [
        (one.label, other.label, side, rank_agreement(one.bits, other.bits, side))
        for i, one in enumerate(contenders)
        for other in contenders[i + 1 :]
        for side in get_args(Side)
    ]
    return [(one, other, side, value) for one, other, side, value in found if value is not None]


def attainments(contenders: Sequence[Contender]) -> list[Attainment]:
    """Of every group of at least two seeds."""
    groups = dict.fromkeys(one.group for one in contenders if one.group)
    found = []
    for group in groups:
        seeds = [one.front for one in contenders if one.group == group]
        if len(seeds) >= 2:
            found.append(_attained(group, seeds))
    return found


def _attained(group: str, seeds: Sequence[Sequence[Point]]) -> Attainment:
    sizes = sorted({p[1] for own in seeds for p in own})
    lowest = np.array([[min((p[0] for p in own if p[1] <= size), default=np.inf) for size in sizes] for own in seeds])
    # of an even number the worse middle one: what half of the seeds reach
    ranked = np.sort(lowest, axis=0)
    best, median, worst = (tuple(ranked[i].tolist()) for i in (0, len(seeds) // 2, -1))
    return Attainment(group, len(seeds), tuple(sizes), best, median, worst)


def _covered(mine: Sequence[Point], theirs: Sequence[Point]) -> float:
    return float(np.mean([any(all(a <= b for a, b in zip(p, q, strict=True)) for p in mine) for q in theirs]))


def _dominates(one: Point, other: Point) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
