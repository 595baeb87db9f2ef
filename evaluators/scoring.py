"""Greedy CTC transcription of a corpus: its errors, and the losses beside them, which are far less noisy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from evaluators.data.audio import normalise
from evaluators.data.batches import Batch, loaded, scoring_batches
from evaluators.data.corpus import Corpus
from evaluators.data.vocabulary import Vocabulary
from evaluators.decoding import Decode, greedy
from evaluators.error_rate import Errors, count_errors
from evaluators.models.forward import CtcModel, frames, logits, valid_frames
from spaces.architecture import Architecture

SCORING_SECONDS = 120.0


@dataclass(frozen=True)
class Score:
    """What a model makes of a corpus.

    Attributes:
        errors: of greedy transcripts, both texts in the vocabulary's case.
        ctc: CTC loss of the references, a character.
        divergence: KL divergence from the teacher's outputs, a frame; 0 where there is no teacher.
    """

    errors: Errors
    ctc: float
    divergence: float

    @property
    def loss(self) -> float:
        """Both losses together: ranks neighbours that their word errors cannot tell apart."""
        return self.ctc + self.divergence


@torch.inference_mode()
def corpus_logits(model: CtcModel, vocabulary: Vocabulary, corpus: Corpus) -> list[Tensor]:
    """Logits of every scoring batch, on the CPU in float16: what a teacher says of a corpus."""
    device = next(model.parameters()).device
    batches = loaded(corpus, vocabulary, iter(scoring_batches(corpus, SCORING_SECONDS)), device)
    return [logits(model.eval(), batch).half().cpu() for batch in batches]


@torch.inference_mode()
def score(
    model: CtcModel,
    vocabulary: Vocabulary,
    corpus: Corpus,
    teacher: Sequence[Tensor] | None = None,
    progress: Callable[[int], None] | None = None,
    decode: Decode | None = None,
) -> Score:
    """Transcribe a corpus and count.

    Args:
        model: decides the device.
        teacher: ``corpus_logits`` of the float model.
        progress: called with the number of utterances that are done.
        decode: from logits to a text; greedy without.
    """
    model.eval()
    decode = decode or greedy(vocabulary)
    device = next(model.parameters()).device
    texts = [""] * len(corpus.texts)
    done, ctc, divergence, characters, frames_scored = 0, 0.0, 0.0, 0, 0
    for number, batch in enumerate(loaded(corpus, vocabulary, iter(scoring_batches(corpus, SCORING_SECONDS)), device)):
        scores, lengths = logits(model, batch), frames(model, batch)
        for row, (index, length) in enumerate(zip(batch.indices, lengths.tolist(), strict=True)):
            texts[index] = decode(scores[row, :length])
        ctc += float(_ctc_sum(model, scores, batch, lengths))
        characters += int(batch.lengths.sum())
        if teacher is not None:
            divergence += float(_divergence_sum(model, scores, teacher[number].to(device).float(), batch))
        frames_scored += int(lengths.sum())
        done += len(batch.indices)
        if progress:
            progress(done)
    errors = count_errors([vocabulary.normalise(t) for t in corpus.texts], texts)
    return Score(errors, ctc / max(1, characters), divergence / max(1, frames_scored))


def _ctc_sum(model: CtcModel, scores: Tensor, batch: Batch, lengths: Tensor) -> Tensor:
    return functional.ctc_loss(
        scores.log_softmax(-1).transpose(0, 1), batch.targets, lengths, batch.lengths, blank=model.config.pad_token_id,
        reduction="sum", zero_infinity=True,
    )  # fmt: skip


def _divergence_sum(model: CtcModel, scores: Tensor, teacher: Tensor, batch: Batch) -> Tensor:
    valid = valid_frames(model, batch, scores.shape[1])
    own, theirs = scores[valid].log_softmax(-1), teacher[valid].log_softmax(-1)
    return functional.kl_div(own, theirs, log_target=True, reduction="sum")


def recognition_errors(model: CtcModel, vocabulary: Vocabulary, corpus: Corpus, decode: Decode | None = None) -> Errors:
    """Errors of transcripts, greedy without ``decode``, against the corpus' own."""
    return score(model, vocabulary, corpus, decode=decode).errors


@torch.inference_mode()
def transcribe_wave(model: CtcModel, wave: np.ndarray, decode: Decode) -> str:
    """Transcript of one 16 kHz mono wave; nothing of what is shorter than a frame."""
    if len(wave) < Architecture(model.config.to_dict()).frame:
        return ""
    audio = torch.from_numpy(normalise(wave))[None]
    batch = Batch(audio, torch.ones(audio.shape, dtype=torch.long), torch.empty(0), torch.empty(0), (0,))
    return decode(logits(model.eval(), batch)[0])
