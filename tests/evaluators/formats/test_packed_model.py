"""A packed folder as a checkpoint of transformers."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCTC, Data2VecAudioConfig, HubertConfig, PreTrainedConfig, Wav2Vec2Config, pipeline

from evaluators.data.audio import normalise
from evaluators.data.batches import Batch
from evaluators.data.vocabulary import POCKET_TOKENS, Vocabulary
from evaluators.decoding import greedy
from evaluators.formats.exported import write_beside
from evaluators.formats.packed import load_packed, pack, save_packed
from evaluators.models.families import build
from evaluators.models.forward import logits
from evaluators.quantization.insert import calibrate, insert_quantizers, set_precisions
from evaluators.scoring import transcribe_wave
from spaces import Architecture, Assignment, Precision, UserError
from spaces.assignment import fitted
from spaces.precision import FORMATS
from tests.conftest import TINY, TINY_DATA2VEC

VOCABULARY = Vocabulary(POCKET_TOKENS)
GROUP_NORM = {
    "feat_extract_norm": "group", "do_stable_layer_norm": False, "hidden_act": "gelu", "conv_bias": False,
    "mask_time_prob": 0.05,
}  # fmt: skip
MODELS = {
    "layer norm": HubertConfig(**TINY),
    "group norm": HubertConfig(**(TINY | GROUP_NORM)),
    "wav2vec2": Wav2Vec2Config(**(TINY | GROUP_NORM)),
    "data2vec": Data2VecAudioConfig(**TINY_DATA2VEC),
}


def batch(seed: int = 3) -> Batch:
    """Two made-up utterances, the second shorter."""
    audio = torch.randn(2, 9000, generator=torch.Generator().manual_seed(seed))
    mask = torch.ones_like(audio, dtype=torch.long)
    mask[1, 6000:] = 0
    return Batch(audio * mask, mask, torch.empty(0), torch.empty(0), (0, 1))


def mixture(architecture: Architecture) -> Assignment:
    """Every format somewhere, fp16 too."""
    inputs = [one for one in FORMATS if one.activations]
    return Assignment(
        {
            layer.name: fitted(layer, Precision(FORMATS[i % len(FORMATS)], inputs[(i * 5) % len(inputs)]))
            for i, layer in enumerate(architecture.layers)
        }
    )


def export(
    folder: Path, config: PreTrainedConfig, assignment: Assignment | None = None, *, superb: bool = False
) -> None:
    """A packed folder of random weights."""
    model, architecture = build(config, seed=2), Architecture(config.to_dict())
    chosen = mixture(architecture) if assignment is None else assignment
    insert_quantizers(model, architecture.layers, [chosen])
    calibrate(model, batch())
    set_precisions(model, architecture.layers, chosen)
    folder.mkdir()
    save_packed(pack(model, architecture, chosen), folder / "model.safetensors")
    write_beside(folder, config, chosen, VOCABULARY, superb=superb)


@pytest.fixture(params=MODELS)
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    export(tmp_path / "packed", MODELS[request.param])
    return tmp_path / "packed"


def test_transformers_computes_what_hubits_does_to_the_bit(folder: Path) -> None:
    model = AutoModelForCTC.from_pretrained(folder)
    ours, _, _ = load_packed(folder)
    with torch.inference_mode():
        theirs = model(batch().audio, attention_mask=batch().mask).logits
        assert torch.equal(theirs, logits(ours, batch()))
        assert torch.equal(theirs, model(batch().audio, attention_mask=batch().mask).logits)
    assert torch.isfinite(theirs).all()


def test_it_is_saved_again_byte_for_byte(folder: Path, tmp_path: Path) -> None:
    AutoModelForCTC.from_pretrained(folder).save_pretrained(tmp_path / "again")
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


def test_weights_stay_packed_in_memory(tmp_path: Path) -> None:
    config = HubertConfig(**(TINY | {"hidden_size": 128, "intermediate_size": 512}))
    architecture = Architecture(config.to_dict())
    export(tmp_path / "packed", config, Assignment.uniform(architecture.layers, Precision.of(1, 1)))
    model = AutoModelForCTC.from_pretrained(tmp_path / "packed")
    model(batch().audio)
    held = sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()))
    assert held <= (tmp_path / "packed" / "model.safetensors").stat().st_size


def test_a_pipeline_reads_batches_chunks_and_timestamps(folder: Path) -> None:
    rng = np.random.default_rng(0)
    waves = [rng.standard_normal(n).astype(np.float32) for n in (9000, 16_000, 12_000)]
    model, vocabulary, _ = load_packed(folder)
    expected = [transcribe_wave(model, wave, greedy(vocabulary)) for wave in waves]
    read = pipeline("automatic-speech-recognition", model=str(folder))
    given = [{"array": wave, "sampling_rate": 16_000} for wave in waves]
    for size in (1, 3):
        found = read([dict(one) for one in given], batch_size=size)
        assert [" ".join(one["text"].split()) for one in found] == expected
    timed = read(dict(given[1]), return_timestamps="char")
    assert all(one["timestamp"][0] <= one["timestamp"][1] for one in timed["chunks"])
    assert isinstance(read(dict(given[1]), chunk_length_s=0.5)["text"], str)


def test_without_the_import_it_is_refused_and_not_filled_with_random_weights(folder: Path) -> None:
    code = f"from transformers import AutoModelForCTC; AutoModelForCTC.from_pretrained({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "hubits-" in done.stderr


def test_a_torn_or_foreign_file_is_refused(folder: Path) -> None:
    path = folder / "config.json"
    whole = path.read_text()
    path.write_text(whole.replace('"w1.58a', '"w2a'))
    with pytest.raises((UserError, RuntimeError), match=r"codes|assignment|size"):
        AutoModelForCTC.from_pretrained(folder)
    path.write_text(whole.replace('"assignment"', '"other"'))
    with pytest.raises(UserError, match=r"assignment"):
        AutoModelForCTC.from_pretrained(folder)


def test_a_member_under_superbs_head_is_refused_by_name(tmp_path: Path) -> None:
    export(tmp_path / "packed", MODELS["layer norm"], superb=True)
    with pytest.raises(UserError, match=r"SUPERB.*hubits\.load"):
        AutoModelForCTC.from_pretrained(tmp_path / "packed")


def test_a_wave_is_normalised_as_transformers_does() -> None:
    wave = np.random.default_rng(1).standard_normal(4000).astype(np.float32) * 3 + 1
    from transformers import Wav2Vec2FeatureExtractor

    theirs = Wav2Vec2FeatureExtractor(do_normalize=True)(wave, sampling_rate=16_000).input_values[0]
    assert np.allclose(normalise(wave), theirs, atol=1e-6)
