"""CTC and distillation, of a whole batch and of its parts."""

from contextlib import nullcontext

import pytest
import torch
from torch.nn import functional

from evaluators.data.batches import Batch
from evaluators.models.families import build
from evaluators.models.forward import frames, logits
from evaluators.settings import FinetuneSettings
from evaluators.training.losses import ctc_loss, distillation_loss, join, outputs, split_outputs, teacher_of, totals
from tests.evaluators.tiny import CONFIG


def test_ctc_loss_is_torchs_own(batch: Batch) -> None:
    model = build(CONFIG, seed=1).eval()
    scores = logits(model, batch)
    expected = 0.0
    start = 0
    for row, (length, count) in enumerate(zip(batch.lengths.tolist(), frames(model, batch).tolist(), strict=True)):
        target = batch.targets[start : start + length]
        start += length
        expected += functional.ctc_loss(
            scores[row, :count].log_softmax(-1), target, torch.tensor(count), torch.tensor(length), reduction="sum",
            zero_infinity=True,
        ).item()  # fmt: skip
    assert ctc_loss(model, scores, batch).item() == pytest.approx(expected / len(batch.targets), rel=1e-4)


def test_a_student_that_is_its_teacher_loses_nothing_to_distillation(batch: Batch) -> None:
    weights = FinetuneSettings(ctc_weight=0, logit_weight=1, block_weight=1, attention_weight=1)
    model = build(CONFIG, seed=1).eval()
    target = teacher_of(model, weights)(batch)
    assert distillation_loss(model, batch, target, weights).item() == pytest.approx(0, abs=1e-5)
    other = build(CONFIG, seed=2).eval()
    assert distillation_loss(other, batch, target, weights).item() > 0.05


@pytest.mark.parametrize("parts", [2, 3, 9])
def test_a_batch_in_parts_gives_the_gradients_of_the_whole(
    batch: Batch, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluators.training.losses.mixed_precision", lambda _: nullcontext())  # rounding aside
    weights = FinetuneSettings(ctc_weight=0.5, logit_weight=1, block_weight=1, attention_weight=1)
    target = teacher_of(build(CONFIG, seed=1).eval(), weights)(batch)
    student = build(CONFIG, seed=2).eval()
    distillation_loss(student, batch, target, weights).backward()  # type: ignore[no-untyped-call]
    whole = {n: p.grad.clone() for n, p in student.named_parameters() if p.grad is not None}
    student.zero_grad()
    divisors = totals(student, batch, target)
    pieces = split_outputs(batch, target, parts)
    assert len(pieces) == min(parts, len(batch.indices))
    assert torch.equal(join([goal for _, goal in pieces]).logits, target.logits)
    for part, goal in pieces:
        distillation_loss(student, part, goal, weights, divisors).backward()  # type: ignore[no-untyped-call]
    scale = max(float(g.abs().max()) for g in whole.values())
    for name, parameter in student.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(parameter.grad, whole[name], rtol=1e-3, atol=1e-5 * scale)


def test_outputs_hold_what_the_loss_compares(batch: Batch) -> None:
    got = outputs(build(CONFIG, 1), batch, FinetuneSettings(block_weight=1, attention_weight=1))
    assert len(got.blocks) == len(got.attentions) == CONFIG.num_hidden_layers
    assert got.attentions[0].shape[1] == CONFIG.num_attention_heads
