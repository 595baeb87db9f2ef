"""Dominance, hypervolume, gains, picks and figure data against closed forms."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.models.families import pocket_config
from search import figures
from search.front.pareto import front, gain, gain_text, is_tied, reference_point
from search.front.pick import Budget, pick
from search.hypervolume import hypervolume
from search.study.candidate import Candidate
from search.views.table import row, rows
from spaces import Architecture, Assignment, Precision, SearchSpace, UserError

SPACE = SearchSpace(
    Architecture(pocket_config().to_dict()), weight_bits=[1, 2, 4, 8, 16], activation_bits=[1, 2, 4, 8, 16]
)
COSTS = st.tuples(st.floats(0, 100), st.floats(0.1, 10), st.floats(0.1, 1))


def member(wer: float, storage_mb: float, runtime: float, number: int = 0, **more: Any) -> Candidate:
    values: dict[str, Any] = {
        "name": f"m{number}", "wer_low": wer - 1, "wer_high": wer + 1, "mean_bits": 3.0, "uniform": False,
        "errors": tuple([round(wer)] * 20), "words": (100,) * 20, "seconds": 1.0, "test": None,
        "assignment": SPACE.decode({k: (number + i) % 5 for i, k in enumerate(SPACE.variables)}), **more,
    }  # fmt: skip
    return Candidate(number=number, wer=wer, storage_mb=storage_mb, runtime=runtime, **values)


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


def test_hypervolume_of_boxes_in_closed_form() -> None:
    reference = (100.0, 10.0, 1.0)
    assert hypervolume([(50.0, 5.0, 0.5)], reference) == pytest.approx(1 / 8)
    # two boxes of 1/2 x 1/4 x 1 and 1/4 x 1/2 x 1 that share 1/4 x 1/4 x 1
    assert hypervolume([(50.0, 7.5, 0.0), (75.0, 5.0, 0.0)], reference) == pytest.approx(1 / 8 + 1 / 8 - 1 / 16)
    assert hypervolume([], reference) == 0
    assert hypervolume([(120.0, 1.0, 0.1)], reference) == 0


@given(st.lists(COSTS, min_size=1, max_size=12), COSTS)
def test_hypervolume_never_falls(costs: list[tuple[float, float, float]], more: tuple[float, float, float]) -> None:
    reference = (100.0, 10.0, 1.0)
    assert hypervolume([*costs, more], reference) >= hypervolume(costs, reference) - 1e-12


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


EVERYONE = [member(30, 1, 0.2, 1), member(20, 2, 0.3, 2), member(10, 3, 0.6, 3), member(9, 5, 1.0, 4)]


@pytest.mark.parametrize(
    ("budget", "number"),
    [
        (Budget(), 4), (Budget(max_storage=2.5), 2), (Budget(max_runtime=0.6), 3), (Budget(max_wer=25), 2),
        (Budget(max_wer=25, max_runtime=0.9), 3), (Budget(max_storage=1.0), 1),
    ],
)  # fmt: skip
def test_picks(budget: Budget, number: int) -> None:
    assert pick(EVERYONE, budget).member.number == number


@given(st.lists(COSTS, min_size=1, max_size=20), st.floats(0.1, 10))
def test_a_pick_never_exceeds_its_budget(costs: list[tuple[float, float, float]], limit: float) -> None:
    everyone = [member(*c, number=i) for i, c in enumerate(costs)]
    try:
        assert pick(everyone, Budget(max_storage=limit)).member.storage_mb <= limit
    except UserError:
        assert all(m.storage_mb > limit for m in everyone)


def test_the_knee_is_nearest_to_the_ideal_corner() -> None:
    assert pick(EVERYONE, Budget(), knee=True).member.number == 2


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_is_a_positive_number(limit: float) -> None:
    with pytest.raises(UserError, match="the limit of storage must be a positive number"):
        Budget(max_storage=limit)


def test_a_budget_that_nothing_meets_names_the_nearest_member() -> None:
    with pytest.raises(UserError, match=r"storage at most 0\.9 MB; the nearest is m1 with storage 1\.000 MB"):
        pick(EVERYONE, Budget(max_storage=0.9))


def test_rows_hold_the_front_and_every_uniform_member() -> None:
    beaten = member(35, 1.5, 0.3, 7, uniform=True, name="w2a2")
    lost = member(36, 1.5, 0.3, 8)
    table = rows([*EVERYONE, beaten, lost])
    assert [r["name"] for r in table] == ["m1", "w2a2", "m2", "m3", "m4"]
    assert [r["on_front"] for r in table] == [True, False, True, True, True]
    needed = {"name", "wer", "wer_low", "wer_high", "storage_mb", "runtime", "mean_bits", "uniform", "assignment"}
    assert needed <= set(row(beaten, EVERYONE))


def test_front_figure_data_and_drawing() -> None:
    beaten = member(36, 1.5, 0.3, 8)
    uniform = member(29, 0.9, 0.2, 9, uniform=True, name="w1a1")
    data = figures.build_front([*EVERYONE, beaten, uniform], "storage_mb", SPACE)
    assert [p.name for p in data.dominated] == ["m1", "m8"]
    assert [p.name for p in data.uniform] == ["w1a1"]
    assert [p.x for p in data.mixed] == [2, 3, 5]
    figure = figures.draw_front(data)
    assert [len(t.x) for t in figure.data] == [2, 0, 3, 1]
    assert figure.data[3].text == ("w1a1",)


def test_published_figures_are_reference_points_and_never_members() -> None:
    fp16 = member(5, 4.0, 1.0, 0, uniform=True, name="fp16", assignment=Assignment({}))
    data = figures.build_relative([*EVERYONE, fp16])
    assert data is not None
    assert len(data.published) == 12
    assert {"BiT-LA w1a1", "BiT-LA w2a2"} <= {p.name for p in data.published}
    w1a1 = next(p for p in data.published if p.name == "BiT-LA w1a1")
    assert w1a1.storage == pytest.approx(25.23 / 184.42)
    assert w1a1.lost == pytest.approx(15.96 - 7.06)
    assert not {p.name for p in data.measured} & {p.name for p in data.published}
    assert "published" in figures.draw_relative(data).data[0].name
    assert figures.build_relative(EVERYONE) is None


def test_bits_figure_shows_each_group_of_each_block() -> None:
    uniform = member(1, 1.0, 0.1, 1, assignment=SPACE.uniform(Precision.of(2, 4)))
    data = figures.build_bits([uniform], SPACE)
    assert len(data.activation_columns) == 18
    assert data.weights[0] == [2] * 12
    assert data.activations[0] == [4] * 18
    assert figures.draw_bits(data).data[0].z[0][0] == 1  # log2


def test_progress_figure_never_falls() -> None:
    volumes = figures.build_progress(EVERYONE).volumes
    assert volumes == sorted(volumes)
    assert len(figures.draw_progress(figures.build_progress(EVERYONE)).data[0].x) == 4
    assert reference_point(EVERYONE)[0] == pytest.approx(33.0)
    assert np.isfinite(volumes).all()


def test_members_that_no_dominator_beats_significantly_are_marked() -> None:
    rng = np.random.default_rng(0)
    base = tuple(rng.integers(0, 30, 60).tolist())
    words = (100,) * 60
    noise = rng.integers(-3, 4, 60)
    wobbling = tuple(int(max(0, e + n)) for e, n in zip(base, noise, strict=True))
    worse = tuple(e + 10 for e in base)
    best, near, far = (
        member(float(np.mean(e)), 1.0 + i, 0.5, number=i, errors=e, words=words)
        for i, e in enumerate((base, tuple(max(b, w) for b, w in zip(base, base, strict=True)), worse))
    )
    close = member(best.wer + 0.01, 1.5, 0.5, number=3, errors=wobbling, words=words)
    assert front([best, close, far]) == [best]
    assert [is_tied(m, [best]) for m in (best, close, far)] == [False, True, False]
    assert is_tied(near, [best])  # the same errors in more bytes: dominated, and tied in WER
    marks = {r["name"]: (r["on_front"], r["tied"]) for r in rows([best, close, far], everyone=True)}
    assert marks == {"m0": (True, False), "m3": (False, True), "m2": (False, False)}
    assert gain_text(close, [best, close, far]) == "dominated, but not significantly"
