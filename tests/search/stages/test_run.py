"""Promotion and rank agreement on made-up members; proxies and refinement of the tiny study for real."""

from pathlib import Path

import numpy as np
import pytest

from search.front.pareto import front
from search.front.promote import promoted
from search.running.executors import InlineExecutor
from search.stages.fidelity import agreement
from search.stages.run import refine_study, search_study
from search.stages.stage import RunContext, Stop
from search.study.snapshot import measured_candidates
from search.study.study_file import StudyFile
from spaces import UserError
from tests.conftest import TOML, write_study
from tests.search.test_front import member

REFINED = TOML.replace("trials = 3", "trials = 4\nproxies = 6") + "[refine]\nsteps = 2\nlow_bit_steps = 1\n"


def test_the_first_rank_is_promoted_first_and_within_it_what_adds_most() -> None:
    uniform = [member(50.0, 10.0, 1.0, number=0, uniform=True)]
    lonely = member(5.0, 5.0, 0.5, number=1)
    crowded = [member(20.0 + 0.1 * i, 2.0 - 0.001 * i, 0.5, number=2 + i) for i in range(3)]
    beaten = member(21.0, 6.0, 0.6, number=5)
    found = promoted([*uniform, *crowded, beaten, lonely], 5)
    assert found[0] in {lonely.assignment, crowded[0].assignment}
    assert set(found[:4]) == {m.assignment for m in (lonely, *crowded)}
    assert found[4] == beaten.assignment
    assert promoted(uniform, 3) == []


def test_agreement_is_spearmans() -> None:
    low = [member(float(w), 1, 1, number=i) for i, w in enumerate([1, 2, 3, 4, 9])]
    high = [member(float(w), 1, 1, number=i) for i, w in enumerate([1, 3, 2, 4])]
    found = agreement(low, high, ("supernet", "short"))
    assert found is not None
    assert found.candidates == 4
    assert found.correlation == pytest.approx(0.8)
    assert str(found) == "supernet and short: 0.800 over 4 candidates"
    assert agreement(low, high[:2], ("a", "b")) is None
    assert agreement(low, [member(1.0, 1, 1, number=i) for i in range(4)], ("a", "b")) is None  # no ranks to compare


def test_proxies_search_and_refinement_each_have_records_of_their_own(tmp_path: Path) -> None:
    file = StudyFile.load(write_study(tmp_path, REFINED))
    with pytest.raises(UserError, match="nothing measured yet"):
        refine_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    found = search_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    proxies = measured_candidates(file.at("supernet"))
    assert len(proxies) == 5 + 6
    assert all(m.test is None for m in proxies)
    assert len(found) == 5 + 4
    # half of the mixed candidates are the promoted ones: measured at both fidelities
    assert set(promoted(proxies, 2)) <= {m.assignment for m in found}
    refined = refine_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    wanted = {m.assignment for m in (*front(found), *(m for m in found if m.uniform))}
    assert {m.assignment for m in refined} == wanted
    assert all(m.test is not None for m in front(refined))
    # the short finetune's own front is as it was
    assert [m.wer for m in measured_candidates(file)] == [m.wer for m in found]
    again = refine_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    assert [m.number for m in again] == [m.number for m in refined]
    assert np.isfinite([m.wer for m in refined]).all()
