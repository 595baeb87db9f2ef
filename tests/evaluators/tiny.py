"""The tiny HuBERT of the tests: its spaces, its quantized form, its evaluator."""

from pathlib import Path
from typing import Any

import torch
from transformers import HubertConfig

from evaluators.data.batches import Batch, collate, scoring_batches
from evaluators.data.load import CorpusSettings
from evaluators.data.manifest import read_manifest
from evaluators.data.vocabulary import POCKET_TOKENS, Vocabulary
from evaluators.evaluator import Evaluator
from evaluators.models.families import build
from evaluators.models.superb import HeadedModel
from evaluators.models.tensors import save_half
from evaluators.quantization.insert import calibrate, insert_quantizers, ladder_assignments
from evaluators.quantization.start import SUPERNET
from evaluators.settings import FinetuneSettings, SuperbSettings
from evaluators.training.supernet import FORMATS
from spaces import Architecture, BitFormat, SearchSpace
from tests.conftest import TINY, write_study

CONFIG = HubertConfig(**TINY)
ARCHITECTURE = Architecture(CONFIG.to_dict(), "tiny")
SPACE = SearchSpace(ARCHITECTURE, weight_bits=[1, 2, 4, 8, 16], activation_bits=[1, 2, 4, 8, 16])
VOCABULARY = Vocabulary(POCKET_TOKENS)
SUPERB = SuperbSettings(steps=40, learning_rate=1e-2, width=8, batch_seconds=4.0, dropout=0.0)


def formats_of(space: SearchSpace) -> set[BitFormat]:
    """Every format on one of a space's ladders."""
    weights, activations = space.formats
    return {*weights, *activations}


def manifest_of(folder: Path) -> CorpusSettings:
    """The section of a study file for the speech of the tiny study."""
    return CorpusSettings(kind="manifest", path=folder / "speech.jsonl")


def quantized_tiny(batch: Batch) -> torch.nn.Module:
    """The tiny HuBERT with calibrated scales for every format of a supernet."""
    model = build(CONFIG, seed=1)
    insert_quantizers(model, SPACE.layers, ladder_assignments(SPACE.layers, FORMATS))
    calibrate(model, batch)
    return model


def write_supernet(path: Path, folder: Path) -> None:
    """A supernet as its training writes it, calibrated but not trained, for the tiny study in a folder."""
    corpus = read_manifest(folder / "speech.jsonl")
    model = quantized_tiny(collate(corpus, VOCABULARY, scoring_batches(corpus, 100)[0]))
    save_half(model.state_dict(), path, SUPERNET)


def tiny_evaluator(
    folder: Path, *, supernet: Path | None = None, space: SearchSpace = SPACE, **settings: Any
) -> Evaluator:
    """An evaluator of the model and the speech that lie in a folder; trains and scores on the same."""
    source = manifest_of(folder)
    return Evaluator(
        folder / "model", supernet, space.layers, formats_of(space), source, source, FinetuneSettings(**settings)
    )


def started_evaluator(folder: Path, **settings: Any) -> Evaluator:
    """The same, once the tiny study is written into the folder."""
    write_study(folder)
    return tiny_evaluator(folder, **settings)


def headed_tiny(norm: str = "layer") -> HeadedModel:
    """The tiny HuBERT under a head of SUPERB's kind, of random weights."""
    torch.manual_seed(0)
    speech = build(HubertConfig(**{**TINY, "feat_extract_norm": norm}), 1)
    return HeadedModel(speech, len(VOCABULARY), SUPERB).eval()
