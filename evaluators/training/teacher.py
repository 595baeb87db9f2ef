"""What the float model says of training batches, kept between candidates: all of them learn from the same."""

from collections.abc import Callable

import torch

from evaluators.data.batches import Batch, collate, loaded, training_batches
from evaluators.data.corpus import Corpus
from evaluators.data.vocabulary import Vocabulary
from evaluators.training.losses import Outputs, Teacher, join

_BYTES = 2**30  # of batches and outputs that are kept
Taught = tuple[Batch, Outputs]


class TeacherCache:
    """The training batches of a finetune, each with the teacher's outputs.

    The batch of a step is the same for every candidate, so that candidates differ by their bits alone.

    Args:
        teach: the float model.
        seconds: of padded audio a batch.
        seed: of the order of the batches.
    """

    def __init__(
        self,
        teach: Teacher,
        corpus: Corpus,
        vocabulary: Vocabulary,
        device: torch.device,
        seconds: float,
        seed: int,
    ) -> None:
        self._teach, self._corpus, self._vocabulary, self._device = teach, corpus, vocabulary, device
        self._seconds, self._seed = seconds, seed
        self._kept: dict[int, Taught] = {}

    def steps(self, count: int, parts: int = 1) -> Callable[[int], Taught]:
        """The batch and outputs of each of some steps, to be asked for in order.

        Args:
            parts: in how many the teacher works through a batch.
        """
        stream = training_batches(self._corpus, self._seconds, self._seed)
        wanted = (indices for step, indices in zip(range(count), stream, strict=False) if step not in self._kept)
        batches = loaded(self._corpus, self._vocabulary, wanted, self._device)

        def taught(step: int) -> Taught:
            if step in self._kept:
                return self._kept[step]
            batch = next(batches)
            target = join([self._teach(part) for part in batch.split(parts)])
            size = sum(t.nbytes for t in (batch.audio, batch.mask, target.logits, *target.blocks, *target.attentions))
            if size * (len(self._kept) + 1) <= _BYTES:
                self._kept[step] = (batch, target)
            return batch, target

        return taught

    def first_batch(self) -> Batch:
        """The batch of the first step, without the teacher."""
        stream = training_batches(self._corpus, self._seconds, self._seed)
        return collate(self._corpus, self._vocabulary, next(stream)).to(self._device)
