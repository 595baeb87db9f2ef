"""A tiny study that every test can run for real: a HuBERT of a few thousand weights, half a minute of made-up audio."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import HealthCheck, settings
from transformers import HubertConfig, PreTrainedConfig

from evaluators.data.vocabulary import POCKET_TOKENS, Vocabulary
from evaluators.models.families import build
from evaluators.models.folder import save_model

collect_ignore = [] if find_spec("botorch") else ["benchmarks/rivals/ehvi.py"]  # whose doctests would import it
TINY = {
    "vocab_size": len(POCKET_TOKENS), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 32, "conv_dim": (8, 8), "conv_kernel": (40, 16), "conv_stride": (20, 16),
    "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2,
    "feat_extract_norm": "layer", "do_stable_layer_norm": True, "hidden_act": "relu", "mask_time_prob": 0.0,
    "layerdrop": 0.0, "hidden_dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0,
    "feat_proj_dropout": 0.0, "final_dropout": 0.0, "pad_token_id": 0, "conv_bias": True,
}  # fmt: skip
TINY_DATA2VEC = {k: v for k, v in TINY.items() if k not in ("feat_extract_norm", "do_stable_layer_norm")} | {
    "num_conv_pos_embeddings": 3, "conv_pos_kernel_size": 5, "hidden_act": "gelu",
}  # fmt: skip
TOML = """
name = "tiny"
[model]
folder = "model"
[corpora.train]
kind = "manifest"
path = "speech.jsonl"
[corpora.dev]
kind = "manifest"
path = "speech.jsonl"
[corpora.test]
kind = "manifest"
path = "speech.jsonl"
[space]
granularity = "module"
weight_bits = [1, 2, 4, 8, 16]
activation_bits = [1, 2, 4, 8, 16]
[finetune]
steps = 1
batch_seconds = 2.0
[search]
trials = 3
executor = "inline"
"""


# no test depends on the clock: a busy machine is slow, not wrong
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def write_speech(folder: Path, count: int = 6) -> Path:
    """A manifest of short noises with texts, as JSONL."""
    rng = np.random.default_rng(0)
    lines = []
    for i in range(count):
        wave = rng.standard_normal(16_000 * (i + 4) // 8).astype(np.float32) * 0.1
        soundfile.write(folder / f"{i}.wav", wave, 16_000)
        lines.append(json.dumps({"audio": f"{i}.wav", "text": "a bee sees " + "sea " * (i + 1)}))
    path = folder / "speech.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def write_study(folder: Path, toml: str = TOML, config: PreTrainedConfig | None = None) -> Path:
    """The tiny study as files: model folder, speech and study file; of a tiny HuBERT without another config."""
    folder.mkdir(parents=True, exist_ok=True)
    write_speech(folder)
    save_model(build(config or HubertConfig(**TINY), seed=1), Vocabulary(POCKET_TOKENS), folder / "model")
    path = folder / "tiny.toml"
    path.write_text(toml)
    return path


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The tiny study's file."""
    return write_study(tmp_path)
