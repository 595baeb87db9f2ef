"""What an exported ONNX file computes, beside the packed checkpoint that it was made of."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import HubertConfig, PreTrainedConfig

from evaluators.costs.layout import ONNX
from evaluators.formats import packed_model
from evaluators.formats.onnx.folder import write_onnx
from evaluators.formats.onnx.model import onnx_bytes, onnx_model
from evaluators.formats.onnx.session import OnnxReader
from evaluators.formats.packed import load_packed
from evaluators.models.tensors import read_stored
from spaces import Architecture, Assignment, Precision, UserError
from spaces.precision import FORMATS
from tests.evaluators.formats.test_packed_model import MODELS, VOCABULARY, batch, export, mixture

WIDTHS = ["w16a4", "w8a16", "w8a8", "w4a4", "w3a3", "w2a8", "w2a2", "w1.58a8", "w1a8", "w1a16", "fp16"]


def exported(folder: Path, config: PreTrainedConfig, assignment: Assignment) -> Path:
    """A packed and an ONNX folder of the same random member."""
    export(folder / "packed", config, assignment)
    tensors = read_stored(folder / "packed" / "model.safetensors")
    write_onnx(folder / "onnx", config, assignment, tensors, VOCABULARY)
    return folder / "onnx"


def both(folder: Path, monkeypatch: pytest.MonkeyPatch, waves: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Logits in onnxruntime, and of the packed model in float32."""
    monkeypatch.setattr(packed_model, "mixed_precision", lambda _: contextlib.nullcontext())
    model, _, _ = load_packed(folder.parent / "packed")
    with torch.inference_mode():
        return OnnxReader(folder).logits(waves.numpy()), model(waves).logits.numpy()


@pytest.mark.parametrize("precision", WIDTHS)
@pytest.mark.parametrize("model", MODELS)
def test_every_width_computes_what_the_packed_model_does(
    model: str, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = MODELS[model]
    layers = Architecture(config.to_dict()).layers
    folder = exported(tmp_path, config, Assignment.uniform(layers, Precision.parse(precision)))
    mine, theirs = both(folder, monkeypatch, batch().audio)
    assert mine.shape == theirs.shape
    # an ulp may tip a value over a threshold, and what hears it; most values agree to the last digits
    assert np.quantile(np.abs(mine - theirs), 0.25) < 1e-4 * np.abs(theirs).max()


@pytest.mark.parametrize("model", MODELS)
def test_one_bit_activations_do_too_layer_by_layer(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = MODELS[model]
    # all layers at once, an ulp that tips a sign in one would reach all the others
    for layer in Architecture(config.to_dict()).layers:
        if layer.block:
            continue
        (tmp_path / layer.name).mkdir()
        folder = exported(tmp_path / layer.name, config, Assignment.uniform([layer], Precision.of(1, 1)))
        mine, theirs = both(folder, monkeypatch, batch().audio)
        assert np.quantile(np.abs(mine - theirs), 0.25) < 1e-4 * np.abs(theirs).max(), layer.name


@pytest.mark.parametrize("length", [4321, 6000, 9001])
def test_length_and_batch_are_free(length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = MODELS["group norm"]
    layers = Architecture(config.to_dict()).layers
    folder = exported(tmp_path, config, Assignment.uniform(layers, Precision.parse("w4a8")))
    for waves in (batch().audio[:1, :length], batch().audio[:, :length]):
        mine, theirs = both(folder, monkeypatch, waves)
        assert np.allclose(mine, theirs, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize("kernels", [((10, 3, 2), (5, 2, 2)), ((7, 5, 3), (3, 2, 1)), ((20, 8, 4), (8, 4, 4))])
def test_any_kernel_and_stride_of_the_front_end(
    kernels: tuple[tuple[int, ...], tuple[int, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {
        "conv_dim": (8, 8, 8), "conv_kernel": kernels[0], "conv_stride": kernels[1], "num_feat_extract_layers": 3,
    }  # fmt: skip
    config = HubertConfig(**(MODELS["layer norm"].to_dict() | sizes | {"num_conv_pos_embeddings": 7}))
    layers = Architecture(config.to_dict()).layers
    folder = exported(tmp_path, config, Assignment.uniform(layers, Precision.parse("w8a8")))
    for length in (1500, 1501, 1502, 1503):
        mine, theirs = both(folder, monkeypatch, batch().audio[:, :length])
        assert np.allclose(mine, theirs, atol=1e-4 * np.abs(theirs).max()), length


def test_the_file_is_as_large_as_foretold_and_little_larger_than_packed(tmp_path: Path) -> None:
    config = HubertConfig(**(MODELS["layer norm"].to_dict() | {"hidden_size": 128, "intermediate_size": 512}))
    architecture = Architecture(config.to_dict())
    assert {p.weight for p in mixture(architecture).values()} <= set(FORMATS)
    for assignment in (mixture(architecture), Assignment.uniform(architecture.layers, Precision.of(1, 1))):
        folder = tmp_path / assignment.digest
        folder.mkdir()
        size = (exported(folder, config, assignment) / ONNX).stat().st_size
        assert size == onnx_bytes(architecture, assignment)


def test_products_and_convolutions_are_integers(tmp_path: Path) -> None:
    config = MODELS["group norm"]
    architecture = Architecture(config.to_dict())
    assignment = Assignment.uniform(architecture.layers, Precision.of(4, 4))
    export(tmp_path / "packed", config, assignment)
    made = onnx_model(architecture, assignment, read_stored(tmp_path / "packed" / "model.safetensors"))
    kinds = [node.op_type for node in made.graph.node]
    assert "Conv" not in kinds
    assert kinds.count("MatMulInteger") == 2 * architecture.blocks + 1
    # of floats: the head, and two sums over time for the group norm
    assert kinds.count("MatMul") == 3


def test_transformers_processor_reads_it_without_torch_or_hubits(tmp_path: Path) -> None:
    import onnxruntime
    from transformers import Wav2Vec2Processor

    layers = Architecture(MODELS["layer norm"].to_dict()).layers
    folder = exported(tmp_path, MODELS["layer norm"], Assignment.uniform(layers, Precision.of(8, 8)))
    wave = np.random.default_rng(0).standard_normal(9000).astype(np.float32)
    processor = Wav2Vec2Processor.from_pretrained(folder)
    samples = processor(wave, sampling_rate=16_000, return_tensors="np").input_values
    found = onnxruntime.InferenceSession(str(folder / ONNX)).run(None, {"x": samples})[0].argmax(-1)
    assert " ".join(processor.batch_decode(found)[0].split()) == OnnxReader(folder).transcribe(wave)


def test_sherpa_onnx_reads_it_as_it_is_published(tmp_path: Path) -> None:
    sherpa = pytest.importorskip("sherpa_onnx")
    layers = Architecture(MODELS["layer norm"].to_dict()).layers
    folder = exported(tmp_path, MODELS["layer norm"], Assignment.uniform(layers, Precision.of(8, 8)))
    wave = np.random.default_rng(0).standard_normal(9000).astype(np.float32) * 0.1
    recognizer = sherpa.OfflineRecognizer.from_omnilingual_asr_ctc(
        model=str(folder / ONNX), tokens=str(folder / "tokens.txt")
    )
    stream = recognizer.create_stream()
    stream.accept_waveform(16_000, wave)
    recognizer.decode_stream(stream)
    assert " ".join(stream.result.text.split()) == OnnxReader(folder).transcribe(wave)


def test_broken_foreign_and_mixed_up_folders_are_refused_in_one_line(tmp_path: Path) -> None:
    layers = Architecture(MODELS["layer norm"].to_dict()).layers
    one, other = (Assignment.uniform(layers, Precision.of(w, 8)) for w in (8, 4))
    for name, assignment in (("one", one), ("other", other)):
        (tmp_path / name).mkdir()
        exported(tmp_path / name, MODELS["layer norm"], assignment)
    folder, path = tmp_path / "one" / "onnx", tmp_path / "one" / "onnx" / ONNX
    whole = path.read_bytes()
    for content, said in (
        (whole[:2000], r"cannot be loaded"),
        (b"", r"cannot be loaded"),
        ((tmp_path / "other" / "onnx" / ONNX).read_bytes(), r"is of another member than .*assignment\.json"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=said) as told:
            OnnxReader(folder)
        assert "\n" not in str(told.value)
    path.unlink()
    with pytest.raises(UserError, match="not found"):
        OnnxReader(folder)


def test_a_model_that_the_export_does_not_know_is_refused(tmp_path: Path) -> None:
    config = HubertConfig(**(MODELS["layer norm"].to_dict() | {"hidden_act": "silu"}))
    export(tmp_path / "packed", config, Assignment({}))
    with pytest.raises(UserError, match="hidden_act 'silu'"):
        write_onnx(tmp_path / "onnx", config, Assignment({}), {}, VOCABULARY)
