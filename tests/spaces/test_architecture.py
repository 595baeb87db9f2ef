import subprocess
import sys

import pytest
import torch
from transformers import (
    Data2VecAudioConfig,
    Data2VecAudioForCTC,
    HubertConfig,
    HubertForCTC,
    Wav2Vec2Config,
    Wav2Vec2ForCTC,
)

from evaluators.models.families import pocket_config
from spaces import Architecture, UserError, named_architecture
from spaces.models import CONFIGS


def _meta(config: HubertConfig) -> HubertForCTC:
    with torch.device("meta"):
        return HubertForCTC(config)


@pytest.mark.parametrize("name", [*CONFIGS, "pocket"])
def test_tensors_are_those_of_the_real_model(name: str) -> None:
    named = CONFIGS.get(name, {})
    layers = len(named.get("conv_dim", range(7)))
    config = pocket_config() if name == "pocket" else HubertConfig(**named, num_feat_extract_layers=layers)
    real = {k: tuple(v.shape) for k, v in _meta(config).state_dict().items()}
    assert Architecture(config.to_dict()).tensors == real


_KIN = {
    "wav2vec 2.0 base": (Wav2Vec2ForCTC, Wav2Vec2Config(feat_extract_norm="group")),
    "wav2vec 2.0 large": (
        Wav2Vec2ForCTC, Wav2Vec2Config(feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True)
    ),
    "data2vec base": (Data2VecAudioForCTC, Data2VecAudioConfig()),
    "data2vec large": (
        Data2VecAudioForCTC, Data2VecAudioConfig(hidden_size=1024, num_attention_heads=16, num_hidden_layers=24)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _KIN)
def test_tensors_of_huberts_kin_are_those_of_the_real_model(name: str) -> None:
    kind, config = _KIN[name]
    with torch.device("meta"):
        model = kind(config)
    architecture = Architecture(config.to_dict())
    assert architecture.tensors == {k: tuple(v.shape) for k, v in model.state_dict().items()}
    for layer in architecture.layers:
        module = model.get_submodule(layer.path)
        assert layer.kind == "product" or module.weight.numel() == layer.weights


def test_layers_point_at_modules_of_the_real_model() -> None:
    model = _meta(pocket_config())
    for layer in Architecture(pocket_config().to_dict()).layers:
        module = model.get_submodule(layer.path)
        if layer.kind != "product":
            assert module.weight.numel() == layer.weights
            assert module.weight.shape[0] == layer.channels


def test_counts_of_hubert_base() -> None:
    base = named_architecture("hubert-base")
    assert base.parameters == 94_568_576
    assert sum(x.weights for x in base.layers if x.block is not None) == 84_934_656
    assert base.frames(160_000) == 499


def test_multiply_adds_have_the_closed_form() -> None:
    base = named_architecture("hubert-base")
    counts = base.multiply_adds(10.0)
    assert counts["block0.products.scores"] == 768 * 499**2
    assert counts["block3.feed_forward.output_dense"] == 768 * 3072 * 499
    assert sum(v for k, v in counts.items() if "attention" in k) == 12 * 4 * 768**2 * 499
    # 2.45 G a second in the feature extractor
    assert sum(v for k, v in counts.items() if "front_end" in k) / 1e10 == pytest.approx(2.45, abs=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": "many"}, "hidden_size must be a positive integer"),
        ({"num_attention_heads": 7}, "not divisible by num_attention_heads"),
        ({"conv_dim": [3]}, "must be of one length"),
        ({"conv_stride": 5}, "conv_stride must be a list"),
    ],
)
def test_a_config_that_cannot_be(change: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Architecture(change)


def test_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(UserError, match="hubert-base-fastconv"):
        named_architecture("hubert-tiny")


def test_importing_spaces_loads_neither_torch_nor_ray() -> None:
    code = "import spaces, sys; assert not {'torch', 'ray', 'transformers', 'optuna'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_would_fail_later_is_refused_at_once() -> None:
    with pytest.raises(UserError, match="hubert: conv_pos_batch_norm: a batch norm"):
        Architecture({"model_type": "hubert", "conv_pos_batch_norm": True}, "hubert")


def test_one_frame_of_hubert_hears_25_milliseconds() -> None:
    assert Architecture({"model_type": "hubert"}, "hubert").frame == 400
