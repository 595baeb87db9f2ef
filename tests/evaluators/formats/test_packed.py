import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import HubertConfig

from evaluators.costs.storage import storage_bytes
from evaluators.data.batches import Batch
from evaluators.data.vocabulary import POCKET_TOKENS, Vocabulary
from evaluators.formats.exported import write_beside
from evaluators.formats.packed import load_packed, pack, save_packed
from evaluators.formats.packed_model import packed_model
from evaluators.models.families import build
from evaluators.models.folder import save_model
from evaluators.models.forward import logits
from evaluators.models.tensors import read_stored
from evaluators.quantization.insert import calibrate, insert_quantizers, set_precisions
from evaluators.quantization.quantizers import fake_quantize
from spaces import Architecture, Assignment, Precision, SearchSpace, UserError
from spaces.architecture import GROUPS
from spaces.assignment import fitted
from spaces.precision import FORMATS
from tests.conftest import TINY

CONFIG = HubertConfig(**TINY)
ARCHITECTURE = Architecture(CONFIG.to_dict(), "tiny")
SPACE = SearchSpace(
    ARCHITECTURE, granularity="linear", groups=GROUPS, weight_bits=[one.bits for one in FORMATS],
    activation_bits=[one.bits for one in FORMATS if one.activations],
)  # fmt: skip


def _batch() -> Batch:
    audio = torch.randn(2, 6000, generator=torch.Generator().manual_seed(3))
    return Batch(audio, torch.ones_like(audio, dtype=torch.long), torch.empty(0), torch.empty(0), (0, 1))


@settings(max_examples=20)
@given(st.data())
def test_any_assignment_is_packed_to_the_foretold_byte_and_computes_the_same(data: st.DataObject) -> None:
    choices = {name: data.draw(st.integers(0, rungs - 1)) for name, rungs in SPACE.variables.items()}
    assignment = SPACE.decode(choices)
    model = build(CONFIG, seed=2)
    insert_quantizers(model, SPACE.layers, [assignment])
    calibrate(model, _batch())
    set_precisions(model, SPACE.layers, assignment)
    tensors = pack(model, ARCHITECTURE, assignment)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_packed(tensors, path)
        size, again = path.stat().st_size, read_stored(path)
    assert size == storage_bytes(ARCHITECTURE, assignment)
    loaded = packed_model(CONFIG, assignment, again, "test")
    # fp16 scales may tip a value over the edge of a cell, so outputs agree but for a few
    with torch.inference_mode():
        mine, theirs = logits(model, _batch()), logits(loaded, _batch())
    assert (mine - theirs).abs().median() < 0.05 * mine.abs().max()


def test_a_mixture_of_every_width_is_stored_to_the_byte_and_decodes_to_the_fake_quantized_model(tmp_path: Path) -> None:
    widths = [one for one in FORMATS if one.quantized]
    inputs = [one for one in widths if one.activations]
    assignment = Assignment(
        {
            layer.name: fitted(layer, Precision(widths[i % len(widths)], inputs[i % len(inputs)]))
            for i, layer in enumerate(ARCHITECTURE.layers)
        }
    )
    layers = [layer for layer in ARCHITECTURE.layers if layer.weights]
    assert {assignment[x.name].weight.name for x in layers} == {"1", "1.58", "2", "3", "4", "8"}
    model = build(CONFIG, seed=2).eval()
    insert_quantizers(model, SPACE.layers, [assignment])
    calibrate(model, _batch())
    set_precisions(model, SPACE.layers, assignment)
    with torch.no_grad():  # what is kept of scales and of everything else is half precision
        for parameter in model.parameters():
            parameter.copy_(parameter.half())
    path = tmp_path / "model.safetensors"
    save_packed(pack(model, ARCHITECTURE, assignment), path)
    assert path.stat().st_size == storage_bytes(ARCHITECTURE, assignment)
    tensors = read_stored(path)
    loaded = packed_model(CONFIG, assignment, tensors, "test")
    for layer in layers:
        form, module = assignment[layer.name].weight, model.get_submodule(layer.path)
        assert len(tensors[f"{layer.path}.weight.codes"]) == form.packed_bytes(layer.weights)
        scale = module.weight_quantizer.scale(form).half().float()
        expected = fake_quantize(module.weight, scale.view(-1, *[1] * (module.weight.ndim - 1)), form)
        decoded = loaded.get_submodule(layer.path).weight.decoded()
        assert torch.allclose(decoded, expected, atol=1e-5), layer.name
        assert len(decoded.flatten(1)[0].unique()) <= form.count
    with torch.inference_mode():
        mine, theirs = logits(model, _batch()), logits(loaded, _batch())
    assert (mine - theirs).abs().median() < 0.05 * mine.abs().max()


def _export(folder: Path) -> Assignment:
    model = build(CONFIG, seed=2)
    assignment = SPACE.uniform(Precision.of(2, 2))
    insert_quantizers(model, SPACE.layers, [assignment])
    calibrate(model, _batch())
    folder.mkdir(exist_ok=True)
    save_packed(pack(model, ARCHITECTURE, assignment), folder / "model.safetensors")
    write_beside(folder, CONFIG, assignment, Vocabulary(POCKET_TOKENS))
    return assignment


def test_an_exported_folder_loads(tmp_path: Path) -> None:
    assignment = _export(tmp_path)
    model, vocabulary, loaded = load_packed(tmp_path)
    assert loaded == assignment
    assert len(vocabulary) == len(POCKET_TOKENS)
    assert torch.isfinite(logits(model, _batch())).all()


def test_another_assignment_than_the_checkpoints_is_refused(tmp_path: Path) -> None:
    _export(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["assignment"] = SPACE.uniform(Precision.of(1, 1)).to_dict()
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="the assignment is another's"):
        load_packed(tmp_path)


def test_a_float_model_is_not_taken_for_a_packed_one(tmp_path: Path) -> None:
    save_model(build(CONFIG, 0), Vocabulary(POCKET_TOKENS), tmp_path)
    with pytest.raises(UserError, match="is not of a packed checkpoint"):
        load_packed(tmp_path)


@pytest.mark.parametrize("version", [3, 1])
def test_a_packed_file_of_an_unknown_version_is_refused_in_one_line(version: int, tmp_path: Path) -> None:
    _export(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"packed_format": version}))
    with pytest.raises(UserError, match=f"is of packed format {version}, this hubits reads 2") as told:
        load_packed(tmp_path)
    assert str(told.value).startswith(str(path))
    assert "\n" not in str(told.value)


def test_a_torn_checkpoint_is_named(tmp_path: Path) -> None:
    _export(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"model\.safetensors: broken safetensors file"):
        load_packed(tmp_path)
