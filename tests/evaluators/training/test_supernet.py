"""Training of the supernet, and the assignments that it draws."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluators.data.manifest import read_manifest
from evaluators.models.families import build
from evaluators.models.folder import save_model
from evaluators.models.tensors import save_half
from evaluators.quantization.start import SUPERNET
from evaluators.settings import FloatSettings, SupernetSettings
from evaluators.training.float_model import train_float
from evaluators.training.supernet import random_assignment, train_supernet
from spaces import FP16, Architecture, Precision
from spaces.precision import bit_format
from tests.conftest import write_speech
from tests.evaluators.tiny import ARCHITECTURE, CONFIG, SPACE, VOCABULARY, tiny_evaluator

LAYERS = Architecture(CONFIG.to_dict()).layers


def test_random_assignments_of_the_supernet_differ_in_their_mean(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    means = [random_assignment(SPACE.layers, rng, {}).mean_bits(ARCHITECTURE) for _ in range(50)]
    assert min(means) < 2.5
    assert max(means) > 5


def test_random_assignments_keep_to_the_floors_or_leave_their_groups_in_fp16() -> None:
    layers, rng = Architecture(CONFIG.to_dict()).layers, np.random.default_rng(0)
    floors = {"front_end": Precision.of(4, 8), "projection": Precision.of(8, 8)}
    drawn = [random_assignment(layers, rng, floors) for _ in range(60)]
    for group, floor in floors.items():
        found = {assignment[layer.name] for assignment in drawn for layer in layers if layer.group == group}
        assert FP16 in found
        assert all(p.weight >= floor.weight and p.activation >= floor.activation for p in found)
        assert floor in found
    assert {a["block0.attention.q_proj"].weight.name for a in drawn} == {"1", "2", "4", "8"}


def test_a_supernet_trains_and_candidates_start_from_it(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    teacher, student = build(CONFIG, 1), build(CONFIG, 1)
    settings = SupernetSettings(steps=4, learning_rate=1e-3, batch_seconds=3)
    train_supernet(student, teacher, VOCABULARY, corpus, SPACE.layers, settings, floors={}, resume=tmp_path / "resume")
    save_model(build(CONFIG, 1), VOCABULARY, tmp_path / "model")
    save_half(student.state_dict(), tmp_path / "supernet.safetensors", SUPERNET)
    evaluator = tiny_evaluator(tmp_path, supernet=tmp_path / "supernet.safetensors", steps=0)
    measured = evaluator.measure(SPACE.uniform(Precision.of(1, 1)))
    weight = student.hubert.encoder.layers[0].feed_forward.output_dense.weight_quantizer.scale(bit_format(1))
    packed = measured.tensors["hubert.encoder.layers.0.feed_forward.output_dense.weight.scale"]
    assert torch.allclose(packed.float(), weight.half().float(), rtol=1e-2)


@pytest.mark.parametrize("which", ["float", "supernet"])
def test_parts_of_a_batch_train_like_the_whole(which: str, tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    trained = []
    for parts in (1, 3):
        model, said = build(CONFIG, 1), {"steps": 3, "learning_rate": 1e-3, "batch_seconds": 4, "accumulation": parts}
        resume = tmp_path / f"{which}{parts}"
        if which == "float":
            train_float(model, VOCABULARY, corpus, FloatSettings(**said), resume=resume)  # type: ignore[arg-type]
        else:
            settings = SupernetSettings(**said)  # type: ignore[arg-type]
            train_supernet(model, build(CONFIG, 1), VOCABULARY, corpus, LAYERS, settings, floors={}, resume=resume)
        trained.append(model.state_dict())
    start = build(CONFIG, 1).state_dict()
    name = "hubert.encoder.layers.0.feed_forward.intermediate_dense.weight"
    moved = (trained[0][name] - start[name]).abs().max()
    assert moved > 5e-4
    apart = (trained[0][name] - trained[1][name]).abs()
    assert apart.mean() < moved / 20  # a quantized value on an edge may fall to either side


def test_a_supernet_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    settings = SupernetSettings(steps=6, learning_rate=1e-3, batch_seconds=2, save_every=2)

    def train(resume: Path, on_step: Callable[[int, float], None] | None = None) -> dict[str, torch.Tensor]:
        student = build(CONFIG, 1)
        train_supernet(
            student, build(CONFIG, 1), VOCABULARY, corpus, LAYERS, settings, floors={}, resume=resume, on_step=on_step
        )
        return student.state_dict()

    def stop(step: int, _loss: float) -> None:
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", stop)
    ended = [train(tmp_path / name) for name in ("whole", "stopped")]
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(ended[0].values(), ended[1].values(), strict=True))
