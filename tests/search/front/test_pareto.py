"""Dominance and gains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.front.pareto import front, gain, gain_text, is_tied
from search.study.candidate import Candidate
from search.views.table import rows
from tests.search.made_up import COSTS, member


def dominates(a: Candidate, b: Candidate) -> bool:
    return all(x <= y for x, y in zip(a.objectives, b.objectives, strict=True)) and a.objectives != b.objectives


@given(st.lists(COSTS, min_size=1, max_size=25))
def test_front_is_exactly_what_nobody_dominates(costs: list[tuple[float, float, float]]) -> None:
    everyone = [member(*c, number=i) for i, c in enumerate(costs)]
    kept = front(everyone)
    for m in everyone:
        beaten = any(dominates(o, m) for o in everyone)
        assert not (beaten and m in kept)
        assert beaten or any(k.objectives == m.objectives for k in kept)


def test_gain_is_over_the_best_uniform_member_of_at_most_the_same_bytes() -> None:
    small = member(30, 1.0, 0.2, 1, uniform=True, name="w1a1")
    middle = member(20, 2.0, 0.3, 2, uniform=True, name="w2a2")
    large = member(5, 4.0, 1.0, 3, uniform=True, name="fp16")
    mixed = member(18, 2.5, 0.3, 4)
    found = gain(mixed, [small, middle, large, mixed])
    assert found is not None
    assert (found.over, found.points, found.better) == ("w2a2", 2.0, True)
    assert str(found) == "+2.00 [+2.00, +2.00] over w2a2"
    worse = gain(member(22, 2.5, 0.3, 5), [small, middle])
    assert worse is not None
    assert str(worse).startswith("none (-2.00")
    assert gain(member(40, 0.5, 0.1, 6), [small, middle]) is None
    assert gain(small, [small, middle]) is None


def test_gain_uses_the_test_corpus_once_both_are_scored_there() -> None:
    score = {"wer": 10.0, "wer_low": 9.0, "wer_high": 11.0, "errors": [10] * 20, "words": [100] * 20}
    uniform = member(20, 2.0, 0.3, 2, uniform=True, name="w2a2", test={**score, "errors": [13] * 20})
    found = gain(member(18, 2.5, 0.3, 4, test=score), [uniform])
    assert found is not None
    assert found.points == pytest.approx(3)


def test_members_that_no_dominator_beats_significantly_are_marked() -> None:
    rng = np.random.default_rng(0)
    base = tuple(rng.integers(0, 30, 60).tolist())
    words = (100,) * 60
    noise = rng.integers(-3, 4, 60)
    wobbling = tuple(int(max(0, e + n)) for e, n in zip(base, noise, strict=True))
    worse = tuple(e + 10 for e in base)
    best, near, far = (
        member(float(np.mean(e)), 1.0 + i, 0.5, number=i, errors=e, units=words)
        for i, e in enumerate((base, tuple(max(b, w) for b, w in zip(base, base, strict=True)), worse))
    )
    close = member(best.error + 0.01, 1.5, 0.5, number=3, errors=wobbling, units=words)
    assert front([best, close, far]) == [best]
    assert [is_tied(m, [best]) for m in (best, close, far)] == [False, True, False]
    assert is_tied(near, [best])  # the same errors in more bytes: dominated, and tied in WER
    marks = {r["name"]: (r["on_front"], r["tied"]) for r in rows([best, close, far], everyone=True)}
    assert marks == {"m0": (True, False), "m3": (False, True), "m2": (False, False)}
    assert gain_text(close, [best, close, far]) == "dominated, but not significantly"
