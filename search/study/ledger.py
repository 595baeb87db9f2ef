"""The ledger: the only writer of a study, with a copy in memory that samplers read.

Every trial costs the database a handful of small transactions, whatever the number of choices and of trials before it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.failures import ENVIRONMENT_FAILURES, INTERRUPTED, KILLS_WORKERS, WORKER_LOST
from search.study.records import (
    CHARACTERS,
    FINGERPRINT,
    TEST,
    WORDS,
    connect,
    costs,
    database_url,
    open_study,
    patiently,
    read_result,
    trial_assignment,
)
from search.study.study_file import StudyFile
from spaces import Assignment

Values = tuple[float, float, float]
_LOST_AT_MOST = 2  # trials of one candidate that may lose all their workers
_KEPT = (
    "wer", "wer_low", "wer_high", "errors", "cer", "cer_low", "cer_high", "character_errors", "ctc", "divergence",
    "seconds", "steps", "fingerprint", "device",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """The number and the objectives of a finished trial."""

    number: int
    values: Values


class Ledger:
    """Opens a study to write in it, and finishes first what a driver before this one left.

    Attributes:
        measured: what came out, by the assignment's digest, in the order of the trials.
        lost: how many trials of each assignment's digest lost all their workers.
        asked: trials opened so far, but for those that failed for no fault of their candidate: what is proposed next
            follows from this number and from the results, also after a restart.

    Raises:
        UserError: as ``open_study``.
    """

    def __init__(self, file: StudyFile) -> None:
        self._file = file
        self._study = open_study(file, create=True)
        self._storage = connect(database_url(file), existing=True)
        self._study_id = self._storage.get_study_id_from_name(file.study_name)
        self._memory = InMemoryStorage()
        self._copy = optuna.create_study(
            storage=self._memory, directions=["minimize"] * 3, sampler=RandomSampler(seed=0)
        )
        self._copy_id = self._memory.get_study_id_from_name(self._copy.study_name)
        self._has_words = WORDS in self._study.user_attrs
        self._fingerprint: str | None = self._study.user_attrs.get(FINGERPRINT)
        self._ids: dict[int, int] = {}  # of unfinished trials: number -> the database's id
        self.measured: dict[str, Measured] = {}
        self.lost: Counter[str] = Counter()
        self.asked = 0
        for trial in self._storage.get_all_trials(self._study_id, deepcopy=False):
            self._take_over(trial)

    def _take_over(self, trial: FrozenTrial) -> None:
        """Copy a trial of an earlier run; one left RUNNING is complete where its worker left a result, else failed."""
        result = trial.user_attrs.get("result", {})
        copied = create_trial(
            state=trial.state, values=trial.values, params=trial.params, distributions=trial.distributions,
            user_attrs={k: v for k, v in trial.user_attrs.items() if k == "failure"} | self._observed(result),
            system_attrs=trial.system_attrs,
        )  # fmt: skip
        self._copy.add_trial(copied)
        if trial.state == TrialState.WAITING:
            self._ids[trial.number] = trial._trial_id
            return
        self.asked += trial.user_attrs.get("failure") not in ENVIRONMENT_FAILURES
        if trial.user_attrs.get("failure") == WORKER_LOST:
            self.lost[trial_assignment(self._file, trial).digest] += 1
        if trial.state == TrialState.COMPLETE and trial.values is not None and result:
            error, storage_mb, share = trial.values
            digest = trial_assignment(self._file, trial).digest
            self.measured.setdefault(digest, Measured(trial.number, (error, storage_mb, share)))
        if trial.state == TrialState.RUNNING:
            self._ids[trial.number] = trial._trial_id
            self._recover(trial)

    def _recover(self, trial: FrozenTrial) -> None:
        whole = set(trial.params) == set(self._file.search_space.variables)
        assignment = trial_assignment(self._file, trial) if whole else None
        result = read_result(self._file, assignment) if assignment is not None else None
        if assignment is not None and result is not None and not self.unlike(result):
            self.complete(trial.number, assignment, result)
        else:
            self.fail(trial.number, assignment, INTERRUPTED, "the driver stopped while this trial ran")

    def propose(self, sampler: BaseSampler) -> tuple[int, Assignment]:
        """Open a trial with a sampler's candidate, or with one that somebody queued in the database."""
        self._copy.sampler = sampler
        return self._open(self._copy.ask(dict(self._file.search_space.distributions)).number)

    def give(self, assignment: Assignment) -> tuple[int, Assignment]:
        """Open a trial with a given candidate."""
        space = self._file.search_space
        running = create_trial(
            state=TrialState.RUNNING, params=space.encode(assignment), distributions=dict(space.distributions)
        )
        self._copy.add_trial(running)
        return self._open(self._memory.get_n_trials(self._copy_id) - 1)

    def _open(self, number: int) -> tuple[int, Assignment]:
        """Write a trial of the copy to the database, in one transaction where it was not queued there."""
        trial = self._memory.get_trial(self._id_of_copy(number))
        assignment = trial_assignment(self._file, trial)
        self.asked += 1
        if number in self._ids:
            self._storage.set_trial_state_values(self._ids[number], TrialState.RUNNING)
            for name, value in trial.params.items():
                self._storage.set_trial_param(self._ids[number], name, value, trial.distributions[name])
            self._note(number, "assignment", assignment.to_json())
            return number, assignment
        trial.user_attrs["assignment"] = assignment.to_json()
        self._ids[number] = patiently(lambda: self._storage.create_new_trial(self._study_id, template_trial=trial))
        return number, assignment

    def unlike(self, result: Mapping[str, Any]) -> str:
        """Why a result cannot stand beside those before it: other speech, or other arithmetic; else nothing."""
        if self._fingerprint is None:
            self._fingerprint = result["fingerprint"]
            patiently(lambda: self._study.set_user_attr(FINGERPRINT, self._fingerprint))
        if result["fingerprint"] == self._fingerprint:
            return ""
        return (
            f"scored on speech and arithmetic {result['fingerprint']}, the study's others on {self._fingerprint}: "
            "go on with the same corpora on machines of one kind, or in a study of its own"
        )

    def complete(
        self, number: int, assignment: Assignment, result: dict[str, Any], failures: tuple[str, ...] = ()
    ) -> None:
        """Write a result: first what it is made of, then that the trial is complete."""
        if not self._has_words:
            patiently(lambda: self._study.set_user_attr(WORDS, result["words"]))
            patiently(lambda: self._study.set_user_attr(CHARACTERS, result["characters"]))
            self._has_words = True
        values = (result[self._file.search.error], *costs(self._file, assignment))
        if failures:
            self._note(number, "attempts", list(failures))
        self._note(number, "result", {key: result[key] for key in _KEPT if key in result})
        self._close(number, TrialState.COMPLETE, values, self._observed(result))
        self.measured[assignment.digest] = Measured(number, values)

    def _observed(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """What samplers want to know beside the objectives."""
        measure = self._file.search.error
        named = {
            f"{measure}_low": "error_low",
            f"{measure}_high": "error_high",
            "ctc": "ctc",
            "divergence": "divergence",
        }
        return {name: result[key] for key, name in named.items() if key in result}

    def repeat(self, number: int, assignment: Assignment) -> None:
        """Complete a trial with what its assignment came to before."""
        earlier = self.measured[assignment.digest]
        self._note(number, "repeats", earlier.number)
        self._close(number, TrialState.COMPLETE, earlier.values, {})

    def fail(
        self, number: int, assignment: Assignment | None, kind: str, message: str, failures: tuple[str, ...] = ()
    ) -> str:
        """Write that a trial failed, and why; the kind as it is written.

        A candidate that lost all its workers a second time is taken to kill them: it is not proposed again.
        """
        if kind == WORKER_LOST and assignment is not None:
            self.lost[assignment.digest] += 1
            kind = WORKER_LOST if self.lost[assignment.digest] < _LOST_AT_MOST else KILLS_WORKERS
        if failures:
            self._note(number, "attempts", list(failures))
        self._note(number, "failure", kind)
        self._note(number, "message", message[:1000])
        self.asked -= kind in ENVIRONMENT_FAILURES
        self._close(number, TrialState.FAIL, None, {"failure": kind})
        return kind

    def score(self, assignment: Assignment, result: dict[str, Any]) -> None:
        """Keep a candidate's score on the test corpus."""
        patiently(lambda: self._study.set_user_attr(TEST + assignment.digest, result))

    def _note(self, number: int, key: str, value: Any) -> None:
        patiently(lambda: self._storage.set_trial_user_attr(self._ids[number], key, value))

    def _close(self, number: int, state: TrialState, values: Values | None, known: Mapping[str, Any]) -> None:
        patiently(lambda: self._storage.set_trial_state_values(self._ids[number], state, values))
        del self._ids[number]
        own = self._id_of_copy(number)
        for key, value in known.items():
            self._memory.set_trial_user_attr(own, key, value)
        self._memory.set_trial_state_values(own, state, values)

    def _id_of_copy(self, number: int) -> int:
        return self._memory.get_trial_id_from_study_id_trial_number(self._copy_id, number)
