"""SUPERB's head: what it hears, and how it is kept."""

from pathlib import Path

import pytest
import torch
from transformers import HubertConfig

from evaluators.data.batches import Batch
from evaluators.models.families import build
from evaluators.models.forward import frames, logits
from evaluators.models.superb import SuperbHead, load_head
from evaluators.models.tensors import save_half
from evaluators.settings import SuperbSettings
from spaces import UserError
from tests.conftest import TINY
from tests.evaluators.tiny import SUPERB as SETTINGS
from tests.evaluators.tiny import VOCABULARY, headed_tiny


def test_the_default_head_is_superbs() -> None:
    head = SuperbHead(13, 768, 32, SuperbSettings(steps=1))
    projection = 768 * 1024 + 1024
    lstm = 2 * (4 * 1024 * (1024 + 1024 + 2)) + 2 * (4 * 1024 * (2048 + 1024 + 2))
    assert sum(p.numel() for p in head.parameters()) == 13 + projection + lstm + 2048 * 32 + 32


def test_the_sum_starts_even_and_follows_its_weights() -> None:
    head = SuperbHead(3, 4, 5, SETTINGS).eval()  # in training masks are drawn
    states = tuple(torch.randn(2, 6, 4) for _ in range(3))
    lengths = torch.tensor([6, 4])
    mean = torch.stack(states).mean(0)
    assert torch.allclose(head(states, lengths), head((mean, mean, mean), lengths), atol=1e-6)
    with torch.no_grad():
        head.weights[1] = 50.0
    assert torch.allclose(head(states, lengths), head((states[1],) * 3, lengths), atol=1e-6)


def test_padding_is_not_heard(batch: Batch) -> None:
    model = headed_tiny()
    with torch.inference_mode():
        together, lengths = logits(model, batch), frames(model, batch)
        for row in range(len(lengths)):
            size = int(batch.mask[row].sum())
            alone = model(batch.audio[row : row + 1, :size], batch.mask[row : row + 1, :size]).logits[0]
            assert torch.allclose(together[row, : lengths[row]], alone, atol=1e-4)


def test_a_saved_head_says_the_same(batch: Batch, tmp_path: Path) -> None:
    model = headed_tiny()
    path = tmp_path / "model.head.safetensors"
    save_half(model.head.state_dict(), path, {})
    again = load_head(build(HubertConfig(**TINY), 1), VOCABULARY, path)
    with torch.inference_mode():
        assert torch.allclose(logits(model, batch), logits(again, batch), atol=5e-3)
    save_half({"weights": torch.zeros(3)}, path, {})
    with pytest.raises(UserError, match="holds no LSTM"):
        load_head(build(HubertConfig(**TINY), 1), VOCABULARY, path)
