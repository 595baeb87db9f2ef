"""What a quantized student learns from: transcripts and the float teacher's outputs, blocks and attention weights."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional
from transformers import HubertForCTC

from evaluators.batches import Batch
from evaluators.float_model import ctc_loss
from evaluators.hubert import mixed_precision
from evaluators.scoring import frames


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


def outputs(model: HubertForCTC, batch: Batch, weights: LossWeights) -> Outputs:
    """Run a model and keep what the loss compares."""
    mask = batch.mask if model.config.feat_extract_norm == "layer" else None
    blocks, attentions = weights.block_weight > 0, weights.attention_weight > 0
    with mixed_precision(batch.audio.device):
        out = model(batch.audio, attention_mask=mask, output_hidden_states=blocks, output_attentions=attentions)
    return Outputs(
        out.logits.float(), tuple(out.hidden_states[1:]) if blocks else (), tuple(out.attentions) if attentions else ()
    )


def teacher_of(model: HubertForCTC, weights: LossWeights) -> Teacher:
    """The float model as a teacher: frozen, no graph."""
    model.requires_grad_(False).eval()

    def teach(batch: Batch) -> Outputs:
        with torch.no_grad():
            return outputs(model, batch, weights)

    return teach


def distillation_loss(student: HubertForCTC, batch: Batch, target: Outputs, weights: LossWeights) -> Tensor:
    """Weighted sum of CTC (a character), KL divergence to the teacher's logits (a frame) and relative squared errors.

    The squared error of a block's output or attention weights is divided by the teacher's own mean square, so that
    blocks of different magnitude weigh alike. Frames behind an utterance's end count nowhere.
    """
    own = outputs(student, batch, weights)
    lengths = frames(student, batch)
    valid = torch.arange(own.logits.shape[1], device=lengths.device)[None] < lengths[:, None]
    loss = own.logits.new_zeros(())
    if weights.ctc_weight:
        loss = loss + weights.ctc_weight * ctc_loss(student, own.logits, batch)
    if weights.logit_weight:
        loss = loss + weights.logit_weight * functional.kl_div(
            own.logits[valid].log_softmax(-1), target.logits[valid].log_softmax(-1),
            log_target=True, reduction="batchmean",
        )  # fmt: skip
    if weights.block_weight:
        loss = loss + weights.block_weight * _relative_error(own.blocks, target.blocks, valid[:, :, None])
    if weights.attention_weight:
        pairs = valid[:, None, :, None] & valid[:, None, None, :]
        loss = loss + weights.attention_weight * _relative_error(own.attentions, target.attentions, pairs)
    return loss


def _relative_error(own: tuple[Tensor, ...], target: tuple[Tensor, ...], valid: Tensor) -> Tensor:
    errors = []
    for mine, theirs in zip(own, target, strict=True):
        theirs = theirs.float()
        error = ((mine.float() - theirs).square() * valid).sum()
        errors.append(error / (theirs.square() * valid).sum().clamp_min(1e-6))
    return torch.stack(errors).mean()
