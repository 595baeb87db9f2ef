"""Training of the float model: CTC from random weights or from a pretrained checkpoint."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from transformers import HubertForCTC

from evaluators.batches import Batch, loaded, training_batches
from evaluators.corpora import Corpus
from evaluators.optimise import ResumePoint, optimise, steps_done
from evaluators.scoring import CtcModel, frames, logits
from evaluators.settings import FloatSettings, TrainingSettings
from evaluators.text import Vocabulary


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


def augmented_batches(
    corpus: Corpus, vocabulary: Vocabulary, settings: TrainingSettings, device: torch.device, skip: int = 0
) -> Iterator[Batch]:
    """Endless training batches; each wave a little faster or slower than it was spoken.

    Those behind the first ``skip`` are what they are without skipping.
    """
    indices = islice(training_batches(corpus, settings.batch_seconds, settings.seed), skip, None)

    def played(number: int) -> Corpus:
        return _SpeedPerturbed(corpus, settings.speed_perturb, (settings.seed, skip + number))

    return loaded(corpus, vocabulary, indices, device, played)


class _SpeedPerturbed:
    """A corpus whose waves change speed at every reading (Ko et al., "Audio augmentation", 2015)."""

    def __init__(self, corpus: Corpus, most: float, seed: tuple[int, int]) -> None:
        self.name, self.texts, self.samples, self.where = corpus.name, corpus.texts, corpus.samples, corpus.where
        self._read, self._most, self._rng = corpus.wave, most, np.random.default_rng(seed)

    def wave(self, index: int) -> np.ndarray:
        wave = self._read(index)
        speed = 1.0 + self._rng.uniform(-self._most, self._most)
        places = np.arange(0, len(wave) - 1, speed)
        return np.interp(places, np.arange(len(wave)), wave).astype(np.float32)


def train_float(
    model: HubertForCTC,
    vocabulary: Vocabulary,
    corpus: Corpus,
    settings: FloatSettings,
    *,
    resume: Path,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train a CTC model in place; goes on from an existing resume point.

    Dropout, layer drop and SpecAugment (Park et al., 2019) are those of the model's config: ``mask_time_prob`` and
    ``mask_feature_prob``.
    """
    device = next(model.parameters()).device
    batches = augmented_batches(corpus, vocabulary, settings, device, skip=steps_done(resume))

    def losses(_step: int) -> Iterator[torch.Tensor]:
        batch = next(batches)
        for part in batch.split(settings.accumulation):
            yield ctc_loss(model, logits(model, part), part, batch.lengths.sum())

    if settings.frozen_front_end:
        model.freeze_feature_encoder()
    model.train()
    optimise(
        model, losses, steps=settings.steps, learning_rate=settings.learning_rate, warmup=settings.warmup,
        weight_decay=settings.weight_decay, resume=ResumePoint(resume, settings.save_every), on_step=on_step,
    )  # fmt: skip
    model.eval()
