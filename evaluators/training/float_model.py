"""Training of the float model: CTC from random weights or from a pretrained checkpoint."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from evaluators.data.augment import augmented_batches
from evaluators.data.corpus import Corpus
from evaluators.data.vocabulary import Vocabulary
from evaluators.models.forward import CtcModel, logits
from evaluators.settings import FloatSettings
from evaluators.training.loop import ResumePoint, optimise, steps_done
from evaluators.training.losses import ctc_loss
from evaluators.training.ranks import ALONE, Ranks


def train_float(
    model: CtcModel,
    vocabulary: Vocabulary,
    corpus: Corpus,
    settings: FloatSettings,
    *,
    resume: Path,
    ranks: Ranks = ALONE,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train a CTC model in place; goes on from an existing resume point.

    Dropout, layer drop and SpecAugment (Park et al., 2019) are those of the model's config: ``mask_time_prob`` and
    ``mask_feature_prob``. Of ``ranks`` each process calls this on its own device and with the same weights.
    """
    device = next(model.parameters()).device
    batches = augmented_batches(
        corpus, vocabulary, device, seconds=settings.batch_seconds, most=settings.speed_perturb, seed=settings.seed,
        skip=steps_done(resume), part=(ranks.rank, ranks.size),
    )  # fmt: skip

    def losses(_step: int) -> Iterator[torch.Tensor]:
        batch = next(batches)
        characters = ranks.total(batch.lengths.sum())
        for part in batch.split(settings.accumulation):
            yield ctc_loss(model, logits(model, part), part, characters)

    if settings.frozen_front_end:
        model.freeze_feature_encoder()
    model.train()
    optimise(
        model, losses, steps=settings.steps, learning_rate=settings.learning_rate, warmup=settings.warmup,
        weight_decay=settings.weight_decay, resume=ResumePoint(resume, settings.save_every), ranks=ranks,
        on_step=on_step,
    )  # fmt: skip
    model.eval()
