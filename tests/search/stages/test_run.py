"""Proxies, search and refinement of the tiny study, for real."""

from pathlib import Path

import numpy as np
import pytest
from transformers import Data2VecAudioConfig, PreTrainedConfig, Wav2Vec2Config

from search.front.pareto import front
from search.front.promote import promoted
from search.running.executors import InlineExecutor
from search.stages.run import refine_study, search_study
from search.stages.stage import RunContext, Stop
from search.stages.training import train_supernet_model
from search.study.snapshot import measured_candidates
from search.study.study_file import StudyFile
from spaces import UserError
from tests.conftest import TINY, TINY_DATA2VEC, TOML, write_study
from tests.evaluators.tiny import write_supernet

LADDERS = "weight_bits = [1, 2, 4, 8, 16]\nactivation_bits = [1, 2, 4, 8, 16]"
REFINED = (
    TOML.replace("trials = 3", "trials = 6\nproxies = 6").replace('"model"', '"model"\nsupernet = "super.safetensors"')
    .replace(LADDERS, "weight_bits = [2, 8, 16]\nactivation_bits = [2, 8, 16]\nuniform = ['fp16', 'w8a8', 'w2a2']")
    + "[refine]\nsteps = 2\nlow_bit_steps = 1\n"
)  # fmt: skip


def test_proxies_search_and_refinement_each_have_records_of_their_own(tmp_path: Path) -> None:
    file = StudyFile.load(write_study(tmp_path, REFINED))
    write_supernet(tmp_path / "super.safetensors", tmp_path)
    with pytest.raises(UserError, match="nothing measured yet"):
        refine_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    found = search_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    proxies = measured_candidates(file.at("supernet"))
    grid = set(file.search_space.rows.grid.values())
    assert len(grid) == 3 * 3
    assert grid < {m.assignment for m in proxies}
    assert len(proxies) == len(grid) + 6
    assert all(m.test is None for m in proxies)
    assert {m.name for m in found if m.baseline} == {"fp16", "w8a8", "w2a2"}
    assert len(found) == 3 + 6
    # what is promoted is measured at both fidelities
    given = promoted(proxies, 6)
    assert 0 < len(given) <= 4
    assert set(given) <= {m.assignment for m in found}
    refined = refine_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    wanted = {m.assignment for m in (*front(found), *(m for m in found if m.baseline))}
    assert {m.assignment for m in refined} == wanted
    assert all(m.test is not None for m in front(refined))
    # the short finetune's own front is as it was
    assert [m.error for m in measured_candidates(file)] == [m.error for m in found]
    again = refine_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    assert [m.number for m in again] == [m.number for m in refined]
    assert np.isfinite([m.error for m in refined]).all()


@pytest.mark.parametrize("config", [Wav2Vec2Config(**TINY), Data2VecAudioConfig(**TINY_DATA2VEC)])
def test_huberts_kin_are_searched_like_it(tmp_path: Path, config: PreTrainedConfig) -> None:
    toml = REFINED.replace("proxies = 6", "proxies = 1").replace("trials = 6", "trials = 1")
    groups = 'granularity = "module"\ngroups = ["attention", "products", "feed_forward", "front_end", "position"]'
    toml = (
        toml.replace('granularity = "module"', groups)
        + "[supernet_training]\nsteps = 2\nbatch_seconds = 2.0\nlearning_rate = 1e-3\n"
    )
    path = write_study(tmp_path, toml, config)
    train_supernet_model(StudyFile.load(path), lambda *_: None)
    file = StudyFile.load(path)
    found = search_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    assert len(found) >= 3 + 1
    positions = {layer.name for layer in file.architecture.layers if layer.group == "position"}
    assert any(m.assignment[name].weight.quantized for m in found for name in positions)


def test_without_a_supernet_there_are_no_proxies(tmp_path: Path) -> None:
    file = StudyFile.load(write_study(tmp_path, TOML.replace("trials = 3", "trials = 1\nproxies = 6")))
    assert len(search_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))) == 5 + 1
    assert not file.at("supernet").folder.exists()
