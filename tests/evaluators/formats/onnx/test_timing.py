"""A measured profile of the tiny model: every shape, once, and no second time."""

from pathlib import Path

import pytest

from evaluators.costs.runtime import runtime
from evaluators.formats.onnx.timing import measure_profile
from spaces import Architecture, SearchSpace, UserError
from spaces.architecture import GROUPS
from tests.evaluators.formats.test_packed_model import MODELS, mixture


def test_every_assignment_has_a_runtime_and_what_is_timed_is_not_timed_again(tmp_path: Path) -> None:
    architecture = Architecture(MODELS["group norm"].to_dict())
    path, seen = tmp_path / "mine.toml", []
    made = measure_profile(architecture, path, lambda done, planned: seen.append((done, planned)))
    assert [done for done, _ in seen] == list(range(1, seen[-1][1] + 1))
    assert seen[-1][1] == 2 * (len(made.times) + 1)
    assert all(seconds > 0 for seconds in made.times.values())
    assert made.integer[str(architecture.parameters)] >= 1.0
    space = SearchSpace(architecture, groups=GROUPS, weight_bits=[1, 2, 4, 8, 16], activation_bits=[1, 2, 4, 8, 16])
    for assignment in (mixture(architecture), *space.rows.grid.values()):
        assert runtime(architecture, assignment, str(path)) > 0
    again: list[tuple[int, int]] = []
    assert measure_profile(architecture, path, lambda *step: again.append(step)).times == pytest.approx(made.times)
    assert again == [(1, 2), (2, 2)]


def test_another_machines_profile_is_not_mixed_in(tmp_path: Path) -> None:
    path = tmp_path / "theirs.toml"
    path.write_text("kind = 'measured'\nabout = 'another CPU'\nsource = 'somebody'\n")
    with pytest.raises(UserError, match=r"theirs\.toml: is a profile of something else \(another CPU\)"):
        measure_profile(Architecture(MODELS["group norm"].to_dict()), path, lambda *_: None)
