"""Expected hypervolume improvement where only the first of three objectives is uncertain."""

import moocore
import numpy as np

_NORMAL = ((-(3**0.5), 1 / 6), (0.0, 2 / 3), (3**0.5, 1 / 6))  # Gauss-Hermite quadrature: points and weights


def expected_improvement(
    mean: np.ndarray, deviation: np.ndarray, costs: np.ndarray, values: np.ndarray, reference: np.ndarray
) -> np.ndarray:
    """Mean growth of the hypervolume over each candidate's guessed WER, in units of the reference box; (candidates,).

    Emmerich, Giannakoglou and Naujoks (2006), here by quadrature over the WER, since storage and runtime are exact.

    Args:
        mean: of each candidate's log WER; ``deviation`` its standard deviation.
        costs: exact storage and runtime, (candidates, 2).
        values: WER, storage and runtime of what was measured, (trials, 3).
        reference: of the hypervolume.
    """
    inside = values[(values < reference).all(1)] / reference
    front = inside[moocore.is_nondominated(inside)] if len(inside) else inside
    before = moocore.hypervolume(front, ref=[1.0, 1.0, 1.0]) if len(front) else 0.0
    gains = np.zeros(len(mean))
    for i in range(len(mean)):
        for z, weight in _NORMAL:
            point = np.array([np.exp(mean[i] + z * deviation[i]), *costs[i]]) / reference
            if (point >= 1).any() or (front <= point).all(1).any():
                continue
            after = moocore.hypervolume(np.vstack([front, point]), ref=[1.0, 1.0, 1.0])
            gains[i] += weight * (after - before)
    return gains
