"""Training of SUPERB's head on a frozen speech model."""

from collections.abc import Callable, Iterator

from torch import Tensor

from evaluators.data.batches import loaded, training_batches
from evaluators.data.corpus import Corpus
from evaluators.data.vocabulary import Vocabulary
from evaluators.models.forward import frames
from evaluators.models.superb import HeadedModel
from evaluators.settings import SuperbSettings
from evaluators.training.loop import optimise
from evaluators.training.losses import ctc_loss


def train_head(
    model: HeadedModel,
    vocabulary: Vocabulary,
    corpus: Corpus,
    settings: SuperbSettings,
    accumulation: int = 1,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train the head in place with CTC on the transcripts, at a constant rate and under SpecAugment, as s3prl does.

    Args:
        accumulation: in how many parts each batch is worked through, for want of memory.

    Raises:
        DivergedError: if the loss is not finite.
    """
    device = next(model.parameters()).device
    indices = training_batches(corpus, settings.batch_seconds, settings.seed)
    batches = loaded(corpus, vocabulary, indices, device)

    def losses(_step: int) -> Iterator[Tensor]:
        batch = next(batches)
        for part in batch.split(accumulation):
            scores = model.hear(part.audio, part.mask, frames(model, part))
            yield ctc_loss(model, scores, part, batch.lengths.sum())

    model.train()
    optimise(
        model.head, losses, steps=settings.steps, learning_rate=settings.learning_rate, warmup=None, on_step=on_step
    )  # fmt: skip
    model.eval()
