"""The rivals that are not Optuna's own, on a front that is known."""

from typing import Any

import optuna
import pytest
from optuna.distributions import IntDistribution

from search.hypervolume import hypervolume
from tests.benchmarks.rivals.amq import AmqSampler

_NAMES = [f"p{i}" for i in range(4)]
_START = [[3] * 4, [2] * 4, [1] * 4, [0] * 4, [3, 3, 0, 0], [0, 0, 3, 3]]


def _costs(choices: dict[str, int]) -> tuple[float, float]:
    bits = sum(choices.values())
    return 1.0 + bits, 1.0 + bits


def _wer(choices: dict[str, int]) -> float:
    """The first parameter matters ten times as much as any other."""
    return 2.0 + sum((10.0 if name == "p0" else 1.0) * (3 - rung) for name, rung in choices.items())


def _sampler(name: str, asked: int) -> Any:
    if name == "amq":
        return AmqSampler(_costs, asked)
    pytest.importorskip("botorch", reason="an extra: pip install 'hubits[bench]'")
    from tests.benchmarks.rivals.ehvi import EhviSampler

    return EhviSampler(_costs, 4, asked)


@pytest.mark.parametrize("name", ["amq", pytest.param("ehvi", marks=pytest.mark.slow)])
def test_a_rival_proposes_what_is_new_and_finds_what_matters(name: str) -> None:
    study = optuna.create_study(directions=["minimize"] * 3)
    for rungs in _START:
        study.enqueue_trial(dict(zip(_NAMES, rungs, strict=True)))
    for asked in range(16):
        study.sampler = _sampler(name, asked)
        trial = study.ask({n: IntDistribution(0, 3) for n in _NAMES})
        study.tell(trial, [_wer(trial.params), *_costs(trial.params)])
    proposed = [tuple(t.params.values()) for t in study.trials]
    assert len(set(proposed)) == len(proposed)

    def grown(count: int) -> float:
        return hypervolume([tuple(t.values) for t in study.trials[:count]], (50.0, 15.0, 15.0))  # type: ignore[misc]

    assert grown(16) > 1.1 * grown(len(_START))
    assert any(p[0] == 3 and sum(p[1:]) <= 3 for p in proposed[len(_START) :])
