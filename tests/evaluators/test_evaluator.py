"""The evaluator on a tiny HuBERT, for real."""

from pathlib import Path

import pytest
import torch
from transformers import HubertConfig

from evaluators.costs.storage import storage_bytes
from evaluators.data.load import CorpusSettings
from evaluators.data.manifest import read_manifest
from evaluators.evaluator import Evaluator
from evaluators.models.families import build
from evaluators.models.folder import load_model, save_model
from evaluators.scoring import recognition_errors
from evaluators.settings import FinetuneSettings
from spaces import Architecture, Assignment, Precision, SearchSpace
from spaces.architecture import GROUPS
from tests.conftest import TINY, write_speech
from tests.evaluators.tiny import SPACE, VOCABULARY, formats_of, started_evaluator


def test_an_evaluation_repeats_itself_whatever_came_before(tmp_path: Path) -> None:
    evaluator = started_evaluator(tmp_path, steps=2, batch_seconds=2)
    low, high = SPACE.uniform(Precision.of(1, 1)), SPACE.uniform(Precision.of(4, 4))
    first = evaluator.measure(low)
    evaluator.measure(high)
    again = evaluator.measure(low)
    assert again.score == first.score
    assert all(torch.equal(first.tensors[k], again.tensors[k]) for k in first.tensors)


def test_a_model_built_like_hubert_base_is_quantized_front_end_and_all(tmp_path: Path) -> None:
    base = {
        **TINY, "feat_extract_norm": "group", "do_stable_layer_norm": False, "hidden_act": "gelu", "conv_bias": False,
        "feat_extract_activation": "gelu", "mask_time_prob": 0.05, "hidden_dropout": 0.1, "layerdrop": 0.1,
    }  # fmt: skip
    config = HubertConfig(**base)
    write_speech(tmp_path)
    save_model(build(config, 1), VOCABULARY, tmp_path / "model")
    architecture = Architecture(config.to_dict())
    space = SearchSpace(architecture, groups=GROUPS, weight_bits=[2, 4, 8, 16], activation_bits=[2, 4, 8, 16])
    source = CorpusSettings(kind="manifest", path=tmp_path / "speech.jsonl")
    settings = FinetuneSettings(steps=2, block_weight=1, attention_weight=1)
    evaluator = Evaluator(tmp_path / "model", None, space.layers, formats_of(space), source, source, settings)
    for precision in ("w2a2", "w4a8", "w16a8"):
        assignment = space.uniform(Precision.parse(precision))
        measured = evaluator.measure(assignment)
        size = sum(t.nbytes for t in measured.tensors.values())
        assert 0 < storage_bytes(architecture, assignment) - size < 12_000  # the header
        assert measured.score == evaluator.measure(assignment).score


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_an_evaluation_runs_on_a_gpu(tmp_path: Path) -> None:
    evaluator = started_evaluator(tmp_path, steps=2, batch_seconds=2, block_weight=1, attention_weight=1)
    measured = evaluator.measure(SPACE.uniform(Precision.of(2, 2)))
    assert evaluator.device.type == "cuda"
    assert all(t.device.type == "cpu" for t in measured.tensors.values())
    assert evaluator.divergence(SPACE.uniform(Precision.of(1, 1))) > 0


def test_nothing_quantized_is_the_float_model_as_it_is(tmp_path: Path) -> None:
    evaluator = started_evaluator(tmp_path, steps=2, batch_seconds=2)
    measured = evaluator.measure(Assignment({}))
    assert measured.steps == 0
    model, vocabulary = load_model(tmp_path / "model")
    corpus = read_manifest(tmp_path / "speech.jsonl")
    assert measured.score.errors == recognition_errors(model, vocabulary, corpus)
    assert len(measured.score.errors.words.errors) == len(corpus.texts)
    assert measured.score.divergence == pytest.approx(0, abs=1e-3)
    assert torch.equal(measured.tensors["lm_head.weight"], model.lm_head.weight.half())
