"""Picks under budgets and at the knee."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.front.pick import Budget, pick
from spaces import UserError
from tests.search.made_up import COSTS, EVERYONE, member


@pytest.mark.parametrize(
    ("budget", "number"),
    [
        (Budget(), 4), (Budget(max_storage=2.5), 2), (Budget(max_runtime=0.6), 3), (Budget(max_wer=25), 2),
        (Budget(max_wer=25, max_runtime=0.9), 3), (Budget(max_storage=1.0), 1),
    ],
)  # fmt: skip
def test_picks(budget: Budget, number: int) -> None:
    assert pick(EVERYONE, budget).candidate.number == number


@given(st.lists(COSTS, min_size=1, max_size=20), st.floats(0.1, 10))
def test_a_pick_never_exceeds_its_budget(costs: list[tuple[float, float, float]], limit: float) -> None:
    everyone = [member(*c, number=i) for i, c in enumerate(costs)]
    try:
        assert pick(everyone, Budget(max_storage=limit)).candidate.storage_mb <= limit
    except UserError:
        assert all(m.storage_mb > limit for m in everyone)


def test_the_knee_is_nearest_to_the_ideal_corner() -> None:
    assert pick(EVERYONE, Budget(), knee=True).candidate.number == 2


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_is_a_positive_number(limit: float) -> None:
    with pytest.raises(UserError, match="the limit of storage must be a positive number"):
        Budget(max_storage=limit)


def test_a_budget_that_nothing_meets_names_the_nearest_member() -> None:
    with pytest.raises(UserError, match=r"storage at most 0\.9 MB; the nearest is m1 with storage 1\.000 MB"):
        pick(EVERYONE, Budget(max_storage=0.9))


def _scored(errors: int) -> dict[str, object]:
    return {"wer": float(errors), "wer_low": 0.0, "wer_high": 99.0, "errors": [errors] * 20, "words": [100] * 20}


def test_a_lucky_wer_does_not_decide_where_its_loss_contradicts_it() -> None:
    honest = [
        member(10.0 + i, 2.0, 0.5 - 0.01 * i, number=i, loss=0.10 + 0.01 * i, error_low=4.0, error_high=16.0 + 2 * i)
        for i in range(8)
    ]
    lucky = member(9.5, 1.9, 0.3, number=9, loss=0.17, error_low=3.0, error_high=16.0)
    chosen = pick([*honest, lucky], Budget(max_runtime=0.5))
    assert chosen.candidate.number == 0
    assert chosen.estimate == pytest.approx(10.0, rel=0.1)


def test_it_says_so_where_the_test_speech_contradicts_the_choice() -> None:
    chosen = member(10, 2.0, 0.5, number=1, test=_scored(12))
    cheaper = member(11, 1.5, 0.4, number=2, test=_scored(8))
    found = pick([chosen, cheaper], Budget())
    assert found.candidate == chosen
    assert any("m2, which costs no more, is better by 4.00 points" in doubt for doubt in found.warnings)
    assert not pick([chosen, member(11, 1.5, 0.4, number=2, test=_scored(13))], Budget()).warnings


def test_it_says_so_where_the_wer_is_hardly_known() -> None:
    found = pick([member(10, 2.0, 0.5, error_low=5.0, error_high=15.0)], Budget())
    assert any("known to 10.0 points only" in doubt for doubt in found.warnings)


def test_it_tells_which_limits_bind() -> None:
    assert pick(EVERYONE, Budget(max_storage=2.5, max_runtime=1.0)).binding == ("storage_mb",)
    assert pick(EVERYONE, Budget(max_storage=9, max_wer=25)).binding == ()
    assert pick(EVERYONE, Budget(max_wer=25)).binding == ("error",)


def test_it_names_the_next_one_down_and_up() -> None:
    found = pick(EVERYONE, Budget(max_storage=2.5))
    assert (found.down, found.up) == (EVERYONE[0], EVERYONE[2])
    assert pick(EVERYONE, Budget()).up is None
    assert pick(EVERYONE, Budget(max_storage=1)).down is None


def test_up_is_what_grows_least_in_what_grows_most() -> None:
    chosen, slower, larger = member(20, 2.0, 0.3, 1), member(15, 2.0, 0.6, 2), member(16, 3.0, 0.3, 3)
    assert pick([chosen, slower, larger], Budget(max_storage=2, max_runtime=0.3)).up == larger


def test_it_says_so_where_the_choice_rests_on_noise() -> None:
    chosen = member(10.0, 2.0, 0.5, 1, errors=(9, 11) * 10)
    close = member(10.5, 1.5, 0.4, 2, errors=(11, 10) * 10)
    found = pick([chosen, close], Budget())
    assert (found.candidate, found.down) == (chosen, close)
    assert any("its lead over m2, which costs less, is noise: +0.50 points" in doubt for doubt in found.warnings)
    far = member(15.0, 1.5, 0.4, 2)
    assert not any("noise" in doubt for doubt in pick([chosen, far], Budget()).warnings)
