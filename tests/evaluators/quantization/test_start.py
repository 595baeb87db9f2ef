"""Where candidates start: the supernet, and calibrated scales for what it does not know."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from evaluators.data.batches import Batch
from evaluators.models.families import build
from evaluators.models.forward import logits
from evaluators.models.tensors import save_half
from evaluators.quantization.insert import calibrate, insert_quantizers, ladder_assignments, set_precisions
from evaluators.quantization.quantizers import best_scale
from evaluators.quantization.start import SUPERNET, start_student
from evaluators.training.supernet import FORMATS
from spaces import Layer, Precision, SearchSpace, UserError
from spaces.architecture import GROUPS
from spaces.precision import bit_format
from tests.conftest import write_study
from tests.evaluators.tiny import ARCHITECTURE, CONFIG, SPACE, formats_of, tiny_evaluator

WHOLE = SearchSpace(ARCHITECTURE, groups=GROUPS, weight_bits=[2, 4, 16], activation_bits=[2, 4, 16])
POSITION = "hubert.encoder.pos_conv_embed.conv"
OUTPUT = "hubert.encoder.layers.0.feed_forward.output_dense"
KEPT = -1.5  # log scale of everything that a made-up supernet holds


def supernet_of(layers: Sequence[Layer], seed: int = 1) -> nn.Module:
    """A supernet as training leaves it, but for its scales, which are all the same."""
    student = build(CONFIG, seed)
    insert_quantizers(student, layers, ladder_assignments(layers, FORMATS))
    with torch.no_grad():
        for name, parameter in student.named_parameters():
            if "log_scale" in name:
                parameter.fill_(KEPT)
    return student


def started(layers: Sequence[Layer], formats: Iterable[float], path: Path, batch: Batch) -> nn.Module:
    """What candidates start from; the float model is another one's, to tell it from the supernet."""
    student = build(CONFIG, seed=2)
    start_student(student, layers, [bit_format(one) for one in formats], path, batch)
    return student.eval()


def scales(model: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in model.state_dict().items() if ".log_scale." in name}


def weight_of(model: nn.Module, path: str) -> Tensor:
    weight = model.get_submodule(path).weight
    assert isinstance(weight, Tensor)
    return weight.detach()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the tests keep their supernet."""
    return tmp_path / "supernet.safetensors"


def test_layers_that_the_supernet_does_not_know_are_calibrated_on_it(tmp_path: Path, path: Path) -> None:
    write_study(tmp_path)
    student = supernet_of(SPACE.layers)
    with torch.no_grad():
        student.get_parameter("hubert.feature_projection.projection.weight").mul_(2)
    save_half(student.state_dict(), path, SUPERNET)
    space = SearchSpace(ARCHITECTURE, groups=GROUPS, weight_bits=[4, 8, 16], activation_bits=[4, 8, 16])
    evaluator = tiny_evaluator(tmp_path, supernet=path, space=space, steps=0)
    tensors = evaluator.measure(space.uniform(Precision.of(4, 4))).tensors
    known = tensors[f"{OUTPUT}.weight.scale"]
    assert torch.allclose(known.float().log(), torch.tensor(KEPT), atol=1e-3)
    own = build(CONFIG, 1).hubert.feature_projection.projection.weight.detach() * 2
    calibrated = tensors["hubert.feature_projection.projection.weight.scale"]
    assert torch.allclose(calibrated.float(), best_scale(own.half(), bit_format(4), "signed")[:, 0], rtol=2e-3)
    assert tensors["hubert.feature_projection.projection.input.scale"].item() != 1.0


def test_scales_that_the_supernet_knows_are_kept_and_all_others_calibrated(path: Path, batch: Batch) -> None:
    save_half(supernet_of(SPACE.layers).state_dict(), path, SUPERNET)
    found = scales(started(WHOLE.layers, (2, 4), path, batch))
    names = {layer.path for layer in SPACE.layers if layer.weights}
    known = {n for n in found if n.split("_quantizer")[0].rpartition(".")[0] in names or ".products." in n}
    assert known
    assert found.keys() - known
    for name, value in found.items():
        assert bool((value == KEPT).all()) == (name in known), name


def test_a_width_that_the_supernet_does_not_know_is_calibrated_and_the_others_are_kept(
    path: Path, batch: Batch
) -> None:
    supernet = supernet_of(SPACE.layers)
    save_half(supernet.state_dict(), path, SUPERNET)
    student = started(SPACE.layers, (1.58, 2, 3, 16), path, batch)
    found = scales(student)
    assert {name.rpartition(".")[2] for name in found} == {"1_58", "2", "3"}
    for name, value in found.items():
        assert bool((value == KEPT).all()) == name.endswith(".2"), name
    weight = weight_of(supernet, OUTPUT).half().float()
    for bits in (1.58, 3):
        form = bit_format(bits)
        own = found[f"{OUTPUT}.weight_quantizer.log_scale.{form.key}"]
        assert torch.allclose(own.exp(), best_scale(weight, form)[:, 0], rtol=1e-5)
    # activations too: the same as if nothing had been known
    fresh = build(CONFIG, seed=2)
    insert_quantizers(fresh, SPACE.layers, ladder_assignments(SPACE.layers, [bit_format(3)]))
    fresh.load_state_dict({k: v for k, v in student.state_dict().items() if k in fresh.state_dict()})
    calibrate(fresh, batch)
    for name, value in scales(fresh).items():
        assert torch.equal(value, found[name]), name


def test_a_study_with_three_bits_starts_from_a_supernet_without_them(tmp_path: Path, path: Path) -> None:
    write_study(tmp_path)
    save_half(supernet_of(SPACE.layers).state_dict(), path, SUPERNET)
    space = SearchSpace(ARCHITECTURE, weight_bits=[1.58, 2, 3, 16], activation_bits=[2, 3, 16])
    evaluator = tiny_evaluator(tmp_path, supernet=path, space=space, steps=1, batch_seconds=2)
    for precision in ("w3a3", "w1.58a3", "w2a2"):
        tensors = evaluator.measure(space.uniform(Precision.parse(precision))).tensors
        kept = torch.isclose(tensors[f"{OUTPUT}.weight.scale"].float().log(), torch.tensor(KEPT), atol=0.02)
        assert bool(kept.all()) == (precision == "w2a2")


@pytest.mark.parametrize(("trained", "searched"), [("whole", "blocks"), ("blocks", "whole"), ("whole", "whole")])
def test_a_supernet_with_the_rest_of_the_model_and_a_space_without_it_and_the_other_way_round(
    trained: str, searched: str, path: Path, batch: Batch
) -> None:
    layers = {"whole": WHOLE.layers, "blocks": SPACE.layers}
    supernet = supernet_of(layers[trained]).eval()
    # the positional convolution's weight norm is folded where it has quantizers, apart where it has none
    assert (f"{POSITION}.weight" in supernet.state_dict()) == (trained == "whole")
    save_half(supernet.state_dict(), path, SUPERNET)
    student = started(layers[searched], (2, 4), path, batch)
    assert (f"{POSITION}.weight" in student.state_dict()) == (searched == "whole")
    for layer in ARCHITECTURE.layers:
        if layer.weights:
            own, theirs = weight_of(student, layer.path), weight_of(supernet, layer.path)
            assert torch.allclose(own, theirs, rtol=2e-3, atol=1e-4), layer.name
    with torch.inference_mode():
        mine, theirs = logits(student, batch), logits(supernet, batch)
        assert (mine - theirs).abs().max() < 0.02 * theirs.abs().max()
        for model in (student, supernet):  # what both quantize computes the same too
            set_precisions(model, SPACE.layers, SPACE.uniform(Precision.of(4, 4)))
        mine, theirs = logits(student, batch), logits(supernet, batch)
    assert (mine - theirs).abs().median() < 0.05 * theirs.abs().max()


def test_without_a_supernet_everything_is_calibrated(batch: Batch) -> None:
    student = build(CONFIG, seed=2)
    start_student(student, SPACE.layers, formats_of(SPACE), None, batch)
    expected = build(CONFIG, seed=2)
    insert_quantizers(expected, SPACE.layers, ladder_assignments(SPACE.layers, formats_of(SPACE)))
    calibrate(expected, batch)
    for name, value in expected.state_dict().items():
        assert torch.equal(student.state_dict()[name], value), name


@pytest.mark.parametrize("metadata", [{}, {"format": "pt"}, {"format": "pt", "space": "hubits-supernet-2"}])
def test_a_supernet_of_an_unknown_version_is_refused_in_one_line(
    metadata: dict[str, str], path: Path, batch: Batch
) -> None:
    save_half(supernet_of(SPACE.layers).state_dict(), path, metadata)
    with pytest.raises(UserError, match="hubits-supernet-1") as told:
        started(SPACE.layers, (2, 4), path, batch)
    assert str(told.value).startswith(str(path))
    assert "\n" not in str(told.value)
    assert metadata.get("space", "train-supernet") in str(told.value)


def test_a_supernet_of_another_model_is_refused_in_one_line(path: Path, batch: Batch) -> None:
    state = supernet_of(SPACE.layers).state_dict()
    wide = f"{OUTPUT}.weight"
    for changed, message in (
        ({k: v for k, v in state.items() if k != wide}, f"lacks the tensor '{wide}'"),
        ({**state, wide: torch.zeros(3, 3)}, rf"{wide} has shape \(3, 3\), the model needs"),
        ({**state, "another.weight": torch.zeros(3)}, "holds 'another.weight', which the model has not"),
    ):
        save_half(changed, path, SUPERNET)
        with pytest.raises(UserError, match=message) as told:
            started(SPACE.layers, (2, 4), path, batch)
        assert "it is a supernet of another model" in str(told.value)
        assert "\n" not in str(told.value)
