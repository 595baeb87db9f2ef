"""A study as the surrogate sees it: what is finished, what is under way, and all that is not to come again."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from search.failures import ENVIRONMENT_FAILURES
from search.shrinkage import Shrunken, shrink

_UNKNOWN_NOISE = 0.03  # standard deviation of log WER where a trial has no interval


@dataclass(frozen=True)
class Seen:
    """Trials by what became of them.

    Attributes:
        values: WER, storage and runtime of the finished ones, (trials, 3).
        wer: their shrunken WERs.
        measured: their rungs, (trials, choices).
        pending: rungs of those under way.
        known: rungs of everything that is not to be proposed again.
    """

    values: np.ndarray
    wer: Shrunken
    measured: np.ndarray
    pending: np.ndarray
    known: Set[tuple[int, ...]]

    @classmethod
    def of(cls, trials: Sequence[FrozenTrial], names: Sequence[str]) -> "Seen":
        """Sort the trials of a study."""
        whole = [t for t in trials if len(t.params) == len(names)]
        by_state: dict[TrialState, list[FrozenTrial]] = {state: [] for state in TrialState}
        for trial in whole:
            by_state[trial.state].append(trial)
        refused = [t for t in by_state[TrialState.FAIL] if t.user_attrs.get("failure") not in ENVIRONMENT_FAILURES]
        finished = [t for t in by_state[TrialState.COMPLETE] if _sound(t)]  # others are somebody else's
        measured, pending = _choices(finished, names), _choices(by_state[TrialState.RUNNING], names)
        known = {tuple(c) for c in np.vstack([measured, pending, _choices(refused, names)]).tolist()}
        values = np.array([t.values for t in finished]).reshape(-1, 3)
        return cls(values, _shrunken(finished, values[:, 0]), measured, pending, known)


def _sound(trial: FrozenTrial) -> bool:
    """Whether a trial has three finite objectives, its WER above zero."""
    values = trial.values or []
    return len(values) == 3 and bool(np.isfinite(values).all()) and values[0] >= 0


def rungs(trials: Sequence[FrozenTrial], names: Sequence[str]) -> list[tuple[int, ...]]:
    """Rungs of the trials that have them all."""
    return [tuple(t.params[n] for n in names) for t in trials if len(t.params) == len(names)]


def _choices(trials: Sequence[FrozenTrial], names: Sequence[str]) -> np.ndarray:
    return np.array(rungs(trials, names), dtype=int).reshape(-1, len(names))


def _shrunken(trials: Sequence[FrozenTrial], wer: np.ndarray) -> Shrunken:
    """Log WERs by what their intervals and losses say, where trials have them."""
    spread = _UNKNOWN_NOISE * 3.92 * wer
    low, high = (
        np.array([t.user_attrs.get(key, w + side * s) for t, w, s in zip(trials, wer, spread, strict=True)])
        for key, side in (("error_low", -1.0), ("error_high", 1.0))
    )
    loss = [t.user_attrs.get("ctc", np.nan) + t.user_attrs.get("divergence", 0.0) for t in trials]
    return shrink(wer, low, high, np.array(loss, dtype=float))
