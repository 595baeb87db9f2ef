"""What became of a study's trials that gave no candidate, and on what the others were measured."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.study import Study


@dataclass(frozen=True)
class Tally:
    """Counts over the trials of a study.

    Attributes:
        failures: trials by the kind of their failure; ``messages`` has the last message of each kind.
        repeated: trials that proposed again what was measured before, and cost nothing.
        running: trials that were under way.
        devices: measured trials by the device that measured them, as far as that was written down.
    """

    failures: Mapping[str, int] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)
    repeated: int = 0
    running: int = 0
    devices: Mapping[str, int] = field(default_factory=dict)


def tally(study: "Study") -> Tally:
    """Count the trials of a study."""
    from optuna.trial import TrialState

    failures: Counter[str] = Counter()
    devices: Counter[str] = Counter()
    messages: dict[str, str] = {}
    repeated = running = 0
    for trial in study.get_trials(deepcopy=False):
        attributes = trial.user_attrs
        running += trial.state == TrialState.RUNNING
        repeated += "repeats" in attributes
        if trial.state == TrialState.FAIL:
            kind = attributes.get("failure", "error")
            failures[kind] += 1
            messages[kind] = attributes.get("message", "")
        if device := attributes.get("result", {}).get("device"):
            devices[device] += 1
    return Tally(dict(failures.most_common()), messages, repeated, running, dict(devices.most_common()))
