"""Greedy CTC transcription of a corpus and its word errors."""

from collections.abc import Callable

import numpy as np
import torch

from evaluators.data.batches import Batch, loaded, normalise, scoring_batches
from evaluators.data.corpus import Corpus
from evaluators.data.vocabulary import Vocabulary
from evaluators.models.forward import CtcModel, frames, logits
from evaluators.wer import WordErrors, count_errors

SCORING_SECONDS = 120.0


@torch.inference_mode()
def transcribe(
    model: CtcModel, vocabulary: Vocabulary, corpus: Corpus, progress: Callable[[int], None] | None = None
) -> list[str]:
    """Greedy transcripts in corpus order. The model decides the device; ``progress`` gets the utterances done."""
    model.eval()
    device = next(model.parameters()).device
    texts = [""] * len(corpus.texts)
    done = 0
    for batch in loaded(corpus, vocabulary, iter(scoring_batches(corpus, SCORING_SECONDS)), device):
        best = logits(model, batch).argmax(-1).cpu()
        for row, (index, length) in enumerate(zip(batch.indices, frames(model, batch).tolist(), strict=True)):
            texts[index] = vocabulary.decode(best[row, :length].tolist())
        done += len(batch.indices)
        if progress:
            progress(done)
    return texts


def word_errors(
    model: CtcModel, vocabulary: Vocabulary, corpus: Corpus, progress: Callable[[int], None] | None = None
) -> WordErrors:
    """Word errors of greedy transcripts against the corpus' own, both in the vocabulary's case."""
    references = [vocabulary.normalise(t) for t in corpus.texts]
    return count_errors(references, transcribe(model, vocabulary, corpus, progress))


@torch.inference_mode()
def transcribe_wave(model: CtcModel, vocabulary: Vocabulary, wave: np.ndarray) -> str:
    """Greedy transcript of one 16 kHz mono wave."""
    audio = torch.from_numpy(normalise(wave))[None]
    batch = Batch(audio, torch.ones(audio.shape, dtype=torch.long), torch.empty(0), torch.empty(0), (0,))
    return vocabulary.decode(logits(model.eval(), batch)[0].argmax(-1).tolist())
