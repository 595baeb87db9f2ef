"""Losses: CTC on the transcripts, and a student's distances from the float teacher's outputs, blocks and attention."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from evaluators.data.batches import Batch
from evaluators.models.forward import CtcModel, frames, mixed_precision, valid_frames
from evaluators.training.ranks import Ranks


class LossWeights(Protocol):
    """Weights of the parts of the loss; a weight of 0 leaves the part out."""

    @property
    def ctc_weight(self) -> float: ...  # noqa: D102
    @property
    def logit_weight(self) -> float: ...  # noqa: D102
    @property
    def block_weight(self) -> float: ...  # noqa: D102
    @property
    def attention_weight(self) -> float: ...  # noqa: D102


class Outputs(NamedTuple):
    """Float32 logits (batch, frames, vocabulary), and where asked for each block's output and attention weights."""

    logits: Tensor
    blocks: tuple[Tensor, ...]
    attentions: tuple[Tensor, ...]


Teacher = Callable[[Batch], Outputs]


def ctc_loss(
    model: CtcModel, scores: torch.Tensor, batch: Batch, characters: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean CTC loss a target character, from float32 logits (batch, frames, vocabulary).

    ``characters`` is what the sum is divided by where the batch is a part of a larger one.
    """
    loss = functional.ctc_loss(
        scores.log_softmax(-1).transpose(0, 1), batch.targets, frames(model, batch), batch.lengths,
        blank=model.config.pad_token_id, reduction="sum", zero_infinity=True,
    )  # fmt: skip
    return loss / (batch.lengths.sum() if characters is None else characters)


def divergence(model: CtcModel, batch: Batch, own: Tensor, target: Tensor, whole: Tensor | None = None) -> Tensor:
    """KL divergence a frame of logits from the teacher's, both float32 (batch, frames, vocabulary).

    ``whole`` is the number of frames that the sum is divided by where the batch is a part of a larger one.
    """
    valid = valid_frames(model, batch, target.shape[1])
    mine, theirs = (scores[valid].log_softmax(-1) for scores in (own, target))
    summed = functional.kl_div(mine, theirs, log_target=True, reduction="sum")
    return summed / (valid.sum() if whole is None else whole)


def outputs(model: CtcModel, batch: Batch, weights: LossWeights) -> Outputs:
    """Run a model and keep what the loss compares."""
    blocks, attentions = weights.block_weight > 0, weights.attention_weight > 0
    with mixed_precision(batch.audio.device):
        out = model(batch.audio, attention_mask=batch.mask, output_hidden_states=blocks, output_attentions=attentions)
    return Outputs(
        out.logits.float(), tuple(out.hidden_states[1:]) if blocks else (), tuple(out.attentions) if attentions else ()
    )


def teacher_of(model: CtcModel, weights: LossWeights) -> Teacher:
    """The float model as a teacher: frozen, no graph."""
    model.requires_grad_(False).eval()

    def teach(batch: Batch) -> Outputs:
        with torch.no_grad():
            return outputs(model, batch, weights)

    return teach


class Totals(NamedTuple):
    """What the parts of the loss are divided by: characters, frames, and the teacher's squares for each block."""

    characters: Tensor
    frames: Tensor
    blocks: tuple[Tensor, ...]
    attentions: tuple[Tensor, ...]

    def over(self, ranks: Ranks) -> "Totals":
        """The divisors of a batch of which each process has a part."""
        blocks, attentions = (tuple(map(ranks.total, each)) for each in (self.blocks, self.attentions))
        return Totals(ranks.total(self.characters), ranks.total(self.frames), blocks, attentions)


def totals(student: CtcModel, batch: Batch, target: Outputs) -> Totals:
    """The divisors of a whole batch, for losses of its parts that add up to the loss of the whole."""
    valid = valid_frames(student, batch, target.logits.shape[1])
    attentions = _squares(target.attentions, valid_pairs(valid)) if target.attentions else ()
    return Totals(batch.lengths.sum(), valid.sum(), _squares(target.blocks, valid[:, :, None]), attentions)


def join(parts: list[Outputs]) -> Outputs:
    """Outputs of the parts of a batch as those of the whole."""
    blocks = tuple(torch.cat(column) for column in zip(*(p.blocks for p in parts), strict=True))
    attentions = tuple(torch.cat(column) for column in zip(*(p.attentions for p in parts), strict=True))
    return Outputs(torch.cat([p.logits for p in parts]), blocks, attentions)


def split_outputs(batch: Batch, target: Outputs, parts: int) -> list[tuple[Batch, Outputs]]:
    """A batch and its teacher's outputs in at most ``parts`` smaller ones."""
    batches = batch.split(parts)
    sizes = [len(b.indices) for b in batches]
    columns = [torch.split(t, sizes) for t in (*target.blocks, *target.attentions)]
    rows = list(zip(*columns, strict=True)) if columns else [()] * len(sizes)
    blocks = len(target.blocks)
    pieces = zip(batches, torch.split(target.logits, sizes), rows, strict=True)
    return [(b, Outputs(logits, row[:blocks], row[blocks:])) for b, logits, row in pieces]


def distillation_loss(
    student: CtcModel, batch: Batch, target: Outputs, weights: LossWeights, whole: Totals | None = None
) -> Tensor:
    """Weighted sum of CTC (a character), KL divergence to the teacher's logits (a frame) and relative squared errors.

    The squared error of a block's output or attention weights is divided by the teacher's own mean square, so that
    blocks of different magnitude weigh alike. Frames behind an utterance's end count nowhere. Where the batch is a part
    of a larger one, ``whole`` holds that one's divisors.
    """
    own = outputs(student, batch, weights)
    whole = whole or totals(student, batch, target)
    valid = valid_frames(student, batch, target.logits.shape[1])
    loss = own.logits.new_zeros(())
    if weights.ctc_weight:
        loss = loss + weights.ctc_weight * ctc_loss(student, own.logits, batch, whole.characters)
    if weights.logit_weight:
        loss = loss + weights.logit_weight * divergence(student, batch, own.logits, target.logits, whole.frames)
    if weights.block_weight:
        loss = loss + weights.block_weight * _relative_error(own.blocks, target.blocks, valid[:, :, None], whole.blocks)
    if weights.attention_weight:
        error = _relative_error(own.attentions, target.attentions, valid_pairs(valid), whole.attentions)
        loss = loss + weights.attention_weight * error
    return loss


def valid_pairs(valid: Tensor) -> Tensor:
    """Which pairs of frames lie within their utterance, bool (batch, 1, frames, frames)."""
    return valid[:, None, :, None] & valid[:, None, None, :]


def _squares(target: tuple[Tensor, ...], valid: Tensor) -> tuple[Tensor, ...]:
    return tuple((t.float().square() * valid).sum().clamp_min(1e-6) for t in target)


def _relative_error(
    own: tuple[Tensor, ...], target: tuple[Tensor, ...], valid: Tensor, squares: tuple[Tensor, ...]
) -> Tensor:
    errors = [
        ((mine.float() - theirs.float()).square() * valid).sum() / square
        for mine, theirs, square in zip(own, target, squares, strict=True)
    ]
    return torch.stack(errors).mean()
