from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from evaluators.objectives.storage import storage_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import HubertConfig

from evaluators.data.batches import Batch
from evaluators.data.vocabulary import POCKET_TOKENS, Vocabulary
from evaluators.formats.codes import decode, encode, pack_codes, unpack_codes
from evaluators.formats.packed import load_packed, pack, save_packed, unpack
from evaluators.models.families import build
from evaluators.models.forward import logits
from evaluators.models.tensors import read_tensors, save_half
from evaluators.quantization.insert import calibrate, insert_quantizers, set_precisions
from evaluators.quantization.quantizers import fake_quantize
from spaces import Architecture, Assignment, Precision, SearchSpace, UserError
from spaces.architecture import GROUPS
from tests.conftest import TINY

BITS = [1, 2, 4, 8]
CONFIG = HubertConfig(**TINY)
ARCHITECTURE = Architecture(CONFIG.to_dict(), "tiny")
SPACE = SearchSpace(
    ARCHITECTURE, granularity="linear", groups=GROUPS, weight_bits=[*BITS, 16], activation_bits=[*BITS, 16]
)


def _batch() -> Batch:
    audio = torch.randn(2, 6000, generator=torch.Generator().manual_seed(3))
    return Batch(audio, torch.ones_like(audio, dtype=torch.long), torch.empty(0), torch.empty(0), (0, 1))


@given(st.data(), st.sampled_from(BITS))
def test_bits_survive_packing(data: st.DataObject, bits: int) -> None:
    codes = torch.tensor(data.draw(st.lists(st.integers(0, 2**bits - 1), min_size=1, max_size=70)), dtype=torch.uint8)
    packed = pack_codes(codes, bits)
    assert len(packed) == -(-len(codes) * bits // 8)
    assert unpack_codes(packed, bits, len(codes)).tolist() == codes.tolist()


@given(st.integers(0, 1000), st.sampled_from(BITS))
def test_decoded_codes_are_the_fake_quantized_weight(seed: int, bits: int) -> None:
    weight = torch.randn(5, 24, generator=torch.Generator().manual_seed(seed))
    scale = weight.abs().mean(1) * (0.2 if bits > 2 else 1.5)
    codes = encode(weight, scale, bits)
    assert int(codes.max()) < 2**bits
    assert torch.allclose(decode(codes, scale, bits), fake_quantize(weight, scale[:, None], bits), atol=1e-6)


@settings(max_examples=20, deadline=None)
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
        size, again = path.stat().st_size, read_tensors(path)
    assert size == storage_bytes(ARCHITECTURE, assignment)
    loaded = unpack(again, CONFIG, ARCHITECTURE, assignment, "test")
    # fp16 scales may tip a value over the edge of a cell, so outputs agree but for a few
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
    CONFIG.save_pretrained(folder)
    Vocabulary(POCKET_TOKENS).save(folder / "vocab.json")
    (folder / "assignment.json").write_text(assignment.to_json())
    return assignment


def test_an_exported_folder_loads(tmp_path: Path) -> None:
    assignment = _export(tmp_path)
    model, vocabulary, loaded = load_packed(tmp_path)
    assert loaded == assignment
    assert len(vocabulary) == len(POCKET_TOKENS)
    assert torch.isfinite(logits(model, _batch())).all()


def test_another_assignment_than_the_checkpoints_is_refused(tmp_path: Path) -> None:
    _export(tmp_path)
    (tmp_path / "assignment.json").write_text(SPACE.uniform(Precision.of(1, 1)).to_json())
    with pytest.raises(UserError, match="the assignment is another's"):
        load_packed(tmp_path)


def test_a_float_checkpoint_is_not_taken_for_a_packed_one(tmp_path: Path) -> None:
    _export(tmp_path)
    save_half(build(CONFIG, 0).state_dict(), tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="is not a packed checkpoint"):
        load_packed(tmp_path)


def test_a_torn_checkpoint_is_named(tmp_path: Path) -> None:
    _export(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"model\.safetensors: broken safetensors file"):
        load_packed(tmp_path)
