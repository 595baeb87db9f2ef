"""The hypervolume of three minimised objectives, and its reference point."""

from collections.abc import Iterable, Sequence

import moocore
import numpy as np


def hypervolume(costs: Sequence[tuple[float, float, float]], reference: tuple[float, float, float]) -> float:
    """Share of the box between zero and the reference point that is dominated; all three are minimised."""
    if not costs:
        return 0.0
    scaled = np.minimum(np.array(costs) / np.array(reference), 1.0)
    return float(moocore.hypervolume(scaled, ref=[1.0, 1.0, 1.0]))


def reference_beyond(costs: Iterable[Sequence[float]]) -> tuple[float, float, float]:
    """A tenth beyond the largest of some WERs, storages and runtimes; the WER at most 100 %."""
    wer, storage, runtime = (1.1 * max(column) for column in zip(*costs, strict=True))
    return min(wer, 100.0), storage, runtime


def dominated(values: np.ndarray, others: np.ndarray) -> list[bool]:
    """For each row of values (points, objectives): whether some other one is nowhere larger and somewhere smaller."""
    return [bool(((others <= row).all(1) & (others < row).any(1)).any()) for row in values]
