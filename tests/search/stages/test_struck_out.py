"""What is struck out of a study: candidates that kill their workers, and scores that cannot be compared."""

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from search.running.job import MeasureJob, Outcome, ScoreJob
from search.study.records import candidates as members
from search.study.records import open_study
from search.study.study_file import StudyFile
from spaces import UserError
from tests.search.stages.test_driver import Simulated, _search, _trials


def test_a_candidate_that_kills_its_workers_is_struck_out(tiny: Path) -> None:
    class Killer(Simulated):
        """Loses the worker of every trial but those of the rows."""

        def wait(self, seconds: float) -> list[Outcome]:
            job = self._waiting[0] if self._waiting else None
            rows = set(StudyFile.load(tiny).uniform.values())
            if isinstance(job, MeasureJob) and job.assignment not in rows:
                self._waiting.popleft()
                return [Outcome(job, None, "worker_lost", "killed")]
            return super().wait(seconds)

    with pytest.raises(UserError, match=r"5 trials in a row failed \(worker_lost: killed\)"):
        _search(tiny, 3, Killer())
    kinds = [t.user_attrs.get("failure") for t in _trials(StudyFile.load(tiny)) if t.state == TrialState.FAIL]
    assert kinds == ["worker_lost", "kills_workers"] * 5  # each is proposed twice, and never again


def test_scores_of_other_speech_or_arithmetic_do_not_mix(tiny: Path) -> None:
    class Elsewhere(Simulated):
        @staticmethod
        def _result(job: MeasureJob | ScoreJob) -> dict[str, Any]:
            return {**Simulated._result(job), "fingerprint": "y"}

    _search(tiny, 1, Simulated())
    before = len(members(StudyFile.load(tiny), open_study(StudyFile.load(tiny), create=False)))
    with pytest.raises(UserError, match="scored on speech and arithmetic y, the study's others on x"):
        _search(tiny, 3, Elsewhere())
    assert len(_search(tiny, 1, Simulated())[1]) == before
