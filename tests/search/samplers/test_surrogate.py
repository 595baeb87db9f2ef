"""The surrogate sampler on a problem whose front is known: WER falls with each choice, cost rises with each."""

import itertools
from typing import Any

import moocore
import numpy as np
import optuna
import pytest
from optuna.distributions import IntDistribution
from optuna.samplers import BaseSampler, RandomSampler

from search.hypervolume import hypervolume
from search.samplers.context import Choices, SamplerContext
from search.samplers.surrogate import SurrogateSampler

NAMES = [f"x{i}" for i in range(8)]
HARM = np.array([1, 1, 2, 2, 4, 8, 16, 32]) / 66
REFERENCE = (100.0, 1.01, 1.01)


def costs(choices: Choices) -> tuple[float, float]:
    level = sum(choices.values()) / (2 * len(NAMES))
    return 0.1 + 0.9 * level, 0.2 + 0.8 * level


def wer(choices: Choices) -> float:
    return float(5 + 90 * HARM @ [(1 - choices[n] / 2) ** 2 for n in NAMES])


def sampler_of(seed: int, **known: Any) -> SurrogateSampler:
    return SurrogateSampler(SamplerContext(costs, seed, **known))


def search(sampler: BaseSampler, evaluations: int) -> list[tuple[float, float, float]]:
    study = optuna.create_study(directions=["minimize"] * 3, sampler=sampler)
    for level in (2, 1, 0):
        study.enqueue_trial(dict.fromkeys(NAMES, level))
    for _ in range(evaluations):
        trial = study.ask({n: IntDistribution(0, 2) for n in NAMES})
        study.tell(trial, (wer(trial.params), *costs(trial.params)))
    return [tuple(t.values) for t in study.trials if t.values is not None]


def test_it_finds_the_known_front_in_few_evaluations() -> None:
    space = [dict(zip(NAMES, c, strict=True)) for c in itertools.product(range(3), repeat=len(NAMES))]
    best = hypervolume([(wer(c), *costs(c)) for c in space], REFERENCE)
    ours = hypervolume(search(sampler_of(seed=0), 30), REFERENCE)
    random = hypervolume(search(RandomSampler(seed=0), 30), REFERENCE)
    assert ours > 0.98 * best
    assert ours > random


def test_it_repeats_itself_and_proposes_nothing_twice() -> None:
    first, again = (search(sampler_of(seed=3), 12) for _ in range(2))
    assert first == again
    study = optuna.create_study(directions=["minimize"] * 3, sampler=sampler_of(seed=3))
    seen = set()
    for i in range(15):
        if i < 3:
            study.enqueue_trial(dict.fromkeys(NAMES, i))
        trial = study.ask({n: IntDistribution(0, 2) for n in NAMES})
        seen.add(tuple(trial.params.values()))
        if i % 2 == 0 or i < 3:  # every other trial stays pending: it must not be proposed again either
            study.tell(trial, (wer(trial.params), *costs(trial.params)))
    assert len(seen) == 15


def test_what_each_choice_costs_helps_from_the_start() -> None:
    table = {n: [90 * h, 22.5 * h, 0.0] for n, h in zip(NAMES, HARM.tolist(), strict=True)}
    blind, told = (hypervolume(search(sampler_of(seed=0, sensitivity=t), 12), REFERENCE) for t in (None, table))
    assert told > blind


def test_a_prior_in_other_units_and_with_noise_below_zero_is_taken_as_it_is() -> None:
    table = {n: [1e-6 * h, -1e-9, 0.0] for n, h in zip(NAMES, HARM.tolist(), strict=True)}
    assert len(search(sampler_of(seed=0, sensitivity=table), 6)) == 6
    assert len(search(sampler_of(seed=0, sensitivity={n: [0.0] * 3 for n in NAMES}), 6)) == 6


def test_what_a_proxy_was_asked_about_comes_first_and_the_rest_of_the_space_when_that_is_spent() -> None:
    rng = np.random.default_rng(0)
    rows = [
        dict(zip(NAMES, row, strict=True)) for row in np.unique(rng.integers(0, 3, (30, len(NAMES))), axis=0).tolist()
    ]
    study = optuna.create_study(
        directions=["minimize"] * 3, sampler=sampler_of(seed=0, proxies=[(c, 1.2 * wer(c)) for c in rows])
    )
    for level in (2, 1, 0):
        study.enqueue_trial(dict.fromkeys(NAMES, level))
    for _ in range(3 + 35):
        trial = study.ask({n: IntDistribution(0, 2) for n in NAMES})
        study.tell(trial, (wer(trial.params), *costs(trial.params)))
    asked = [trial.params in rows for trial in study.trials[3:]]
    spent = asked.index(False)
    assert spent >= 3
    front = [tuple(t.values) for t in study.trials[: 3 + spent] if t.values]
    left = [(wer(c), *costs(c)) for c in rows if c not in [t.params for t in study.trials[: 3 + spent]]]
    before = hypervolume(front, REFERENCE)
    assert all(hypervolume([*front, one], REFERENCE) < 1.001 * before for one in left)  # nothing of worth was left


def test_it_respects_hard_limits() -> None:
    found = search(sampler_of(seed=0, limits=(100.0, 0.6, 1.0)), 12)
    assert max(storage for _, storage, _ in found[3:]) <= 0.6


def test_its_front_is_not_dominated_by_the_uniform_line() -> None:
    values = np.array(search(sampler_of(seed=1), 25))
    assert moocore.is_nondominated(values, keep_weakly=True)[3:].sum() >= 5


@pytest.mark.parametrize("finished", [0, 1, 2])
def test_without_enough_trials_it_is_random(finished: int) -> None:
    assert len(search(sampler_of(seed=0), finished)) == finished


def test_limits_hold_before_anything_is_measured_too() -> None:
    sampler = sampler_of(seed=0, limits=(100.0, 0.4, 1.0))
    study = optuna.create_study(directions=["minimize"] * 3, sampler=sampler)
    study.enqueue_trial(dict.fromkeys(NAMES, 2))
    asked = [study.ask({n: IntDistribution(0, 2) for n in NAMES}) for _ in range(6)]  # nothing is told
    assert all(costs(t.params)[0] <= 0.4 for t in asked[1:])
    assert len({tuple(t.params.values()) for t in asked}) == 6


def test_a_wer_above_the_limit_is_not_looked_for() -> None:
    free = search(sampler_of(seed=0), 25)[3:]
    bound = search(sampler_of(seed=0, limits=(20.0, np.inf, np.inf)), 25)[3:]
    assert np.mean([wer <= 20 for wer, *_ in bound]) > np.mean([wer <= 20 for wer, *_ in free]) + 0.1


def test_many_workers_and_thousands_of_trials_get_candidates_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "search.samplers.surrogate._LEARNED_FROM", 40
    )  # the model's cost is cubic in the trials it is told of
    space = {n: IntDistribution(0, 2) for n in NAMES}
    study = optuna.create_study(directions=["minimize"] * 3, sampler=sampler_of(seed=0))
    rng = np.random.default_rng(0)
    for row in np.unique(rng.integers(0, 3, (200, len(NAMES))), axis=0):
        choices = dict(zip(NAMES, row.tolist(), strict=True))
        study.add_trial(
            optuna.trial.create_trial(params=choices, distributions=dict(space), values=(wer(choices), *costs(choices)))
        )
    before = hypervolume([tuple(t.values) for t in study.trials], REFERENCE)
    trials = [study.ask(space) for _ in range(64)]  # 64 at a time, none told of the others' results
    assert len({tuple(t.params.values()) for t in study.trials}) == len(study.trials)
    for trial in trials:
        study.tell(trial, (wer(trial.params), *costs(trial.params)))
    assert hypervolume([tuple(t.values) for t in study.trials], REFERENCE) > before


def test_alone_in_an_optuna_study_it_refuses_what_it_cannot_search() -> None:
    two = optuna.create_study(directions=["minimize"] * 2, sampler=sampler_of(seed=0))
    two.add_trial(optuna.trial.create_trial(params={"x": 1}, distributions={"x": IntDistribution(0, 2)}, values=[1, 2]))
    with pytest.raises(ValueError, match="minimises three objectives"):
        two.ask({"x": IntDistribution(0, 2)})
    upwards = optuna.create_study(directions=["minimize", "minimize", "maximize"], sampler=sampler_of(seed=0))
    with pytest.raises(ValueError, match="minimises three objectives"):
        [upwards.ask({n: IntDistribution(0, 2) for n in NAMES}) for _ in range(2)]
    shifted = optuna.create_study(directions=["minimize"] * 3, sampler=sampler_of(seed=0))
    with pytest.raises(ValueError, match="x0 must be an IntDistribution from 0"):
        [shifted.ask({"x0": IntDistribution(1, 3)}) for _ in range(2)]


def test_trials_of_somebody_else_and_infinite_ones_do_not_stop_it() -> None:
    study = optuna.create_study(directions=["minimize"] * 3, sampler=sampler_of(seed=0))
    space = {n: IntDistribution(0, 2) for n in NAMES}
    study.add_trial(optuna.trial.create_trial(params={}, distributions={}, values=[1.0, 2.0, 3.0]))
    for level, error in ((2, 5.0), (1, float("inf")), (0, 90.0)):
        choices = dict.fromkeys(NAMES, level)
        study.add_trial(optuna.trial.create_trial(params=choices, distributions=dict(space), values=[error, 1.0, 1.0]))
    for _ in range(4):
        trial = study.ask(space)
        study.tell(trial, (wer(trial.params), *costs(trial.params)))
    assert len({tuple(t.params.values()) for t in study.trials}) == 8
