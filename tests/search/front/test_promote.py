"""Who goes on to a finetune."""

from search.front.promote import promoted
from tests.search.made_up import member


def test_the_first_rank_is_promoted_first_and_within_it_what_adds_most() -> None:
    uniform = [member(50.0, 10.0, 1.0, number=0, uniform=True)]
    lonely = member(5.0, 5.0, 0.5, number=1)
    crowded = [member(20.0 + 0.1 * i, 2.0 - 0.001 * i, 0.5, number=2 + i) for i in range(3)]
    beaten = member(21.0, 6.0, 0.6, number=5)
    found = promoted([*uniform, *crowded, beaten, lonely], 30)  # a sixth of them are mixtures
    assert found[0] in {lonely.assignment, crowded[0].assignment}
    assert set(found[:4]) == {m.assignment for m in (lonely, *crowded)}
    assert found[4] == beaten.assignment
    assert promoted(uniform, 30) == []  # the study's own rows are measured anyhow
    assert promoted([], 30) == []
    assert len(promoted([*uniform, *crowded, beaten, lonely], 12)) == 2


def test_rows_that_no_row_beats_come_before_mixtures_and_fill_half_of_the_trials() -> None:
    own = [member(50.0, 10.0, 1.0, number=0, uniform=True), member(90.0, 1.0, 0.1, number=1, uniform=True)]
    rows = [member(60.0 - 2 * i, 3.0 + i, 0.3 + 0.1 * i, number=2 + i, uniform=True, baseline=False) for i in range(4)]
    as_good = member(60.5, 3.5, 0.3, number=6, uniform=True, baseline=False)  # as rows[0], in more bytes
    mixed = [member(55.0 - i, 4.0 + i, 0.4 + 0.1 * i, number=7 + i) for i in range(3)]
    found = promoted([*own, *mixed, as_good, *rows], 12)
    assert set(found[:4]) == {m.assignment for m in rows}
    assert as_good.assignment not in found
    assert len(found) == 4 + 2
    assert set(found[4:]) <= {m.assignment for m in mixed}
    few = promoted([*own, *mixed, as_good, *rows], 4)
    assert len(few) == 2
    assert set(few) <= {m.assignment for m in rows}


def test_a_row_that_a_finetune_may_bring_below_the_reference_is_measured_and_a_hopeless_one_is_not() -> None:
    own = [member(20.0, 10.0, 1.0, number=0, uniform=True)]  # the reference lies at 22 %
    hopeful = member(30.0, 1.0, 0.2, number=1, uniform=True, baseline=False)
    hopeless = member(40.0, 0.9, 0.1, number=2, uniform=True, baseline=False)
    assert promoted([*own, hopeful, hopeless], 12) == [hopeful.assignment]
