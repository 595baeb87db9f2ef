"""SUPERB's head: what it hears, what it trains, how it is kept."""

from pathlib import Path

import pytest
import torch
from transformers import HubertConfig

from evaluators.data.batches import Batch, collate, scoring_batches
from evaluators.data.manifest import read_manifest
from evaluators.data.vocabulary import POCKET_TOKENS, Vocabulary
from evaluators.models.families import build
from evaluators.models.forward import frames, logits
from evaluators.models.superb import HeadedModel, SuperbHead, load_head
from evaluators.models.tensors import save_half
from evaluators.settings import SuperbSettings
from evaluators.training.superb_head import train_head
from spaces import UserError
from tests.conftest import TINY, write_speech

VOCABULARY = Vocabulary(POCKET_TOKENS)
SETTINGS = SuperbSettings(steps=40, learning_rate=1e-2, width=8, batch_seconds=4.0, dropout=0.0)


def _model(norm: str = "layer") -> HeadedModel:
    torch.manual_seed(0)
    return HeadedModel(build(HubertConfig(**{**TINY, "feat_extract_norm": norm}), 1), len(VOCABULARY), SETTINGS).eval()


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    corpus = read_manifest(write_speech(tmp_path))
    return collate(corpus, VOCABULARY, scoring_batches(corpus, 100)[0])


def test_the_default_head_is_superbs() -> None:
    head = SuperbHead(13, 768, 32, SuperbSettings(steps=1))
    lstm = 2 * (4 * 1024 * (768 + 1024 + 2)) + 2 * (4 * 1024 * (2048 + 1024 + 2))
    assert sum(p.numel() for p in head.parameters()) == 13 + lstm + 2048 * 32 + 32


def test_the_sum_starts_even_and_follows_its_weights() -> None:
    head = SuperbHead(3, 4, 5, SETTINGS)
    states = tuple(torch.randn(2, 6, 4) for _ in range(3))
    lengths = torch.tensor([6, 4])
    mean = torch.stack(states).mean(0)
    assert torch.allclose(head(states, lengths), head((mean, mean, mean), lengths), atol=1e-6)
    with torch.no_grad():
        head.weights[1] = 50.0
    assert torch.allclose(head(states, lengths), head((states[1],) * 3, lengths), atol=1e-6)


def test_padding_is_not_heard(batch: Batch) -> None:
    model = _model()
    with torch.inference_mode():
        together, lengths = logits(model, batch), frames(model, batch)
        for row in range(len(lengths)):
            size = int(batch.mask[row].sum())
            alone = model(batch.audio[row : row + 1, :size], batch.mask[row : row + 1, :size]).logits[0]
            assert torch.allclose(together[row, : lengths[row]], alone, atol=1e-4)


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_only_the_head_learns_and_it_does(norm: str, tmp_path: Path) -> None:
    corpus, model = read_manifest(write_speech(tmp_path)), _model(norm)
    before = {k: v.clone() for k, v in model.speech.state_dict().items()}
    losses: list[float] = []
    train_head(model, VOCABULARY, corpus, SETTINGS, on_step=lambda _, loss: losses.append(loss))
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert all(torch.equal(v, before[k]) for k, v in model.speech.state_dict().items())
    assert not model.training
    assert (model.head.weights != 0).any()


def test_a_saved_head_says_the_same(batch: Batch, tmp_path: Path) -> None:
    model = _model()
    path = tmp_path / "model.head.safetensors"
    save_half(model.head.state_dict(), path, {})
    again = load_head(build(HubertConfig(**TINY), 1), VOCABULARY, path)
    with torch.inference_mode():
        assert torch.allclose(logits(model, batch), logits(again, batch), atol=5e-3)
    save_half({"weights": torch.zeros(3)}, path, {})
    with pytest.raises(UserError, match="holds no LSTM"):
        load_head(build(HubertConfig(**TINY), 1), VOCABULARY, path)
