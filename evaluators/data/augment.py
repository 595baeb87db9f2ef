"""Training batches whose speech is played at changing speed."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch

from evaluators.data.batches import Batch, loaded, training_batches
from evaluators.data.corpus import Corpus
from evaluators.data.vocabulary import Vocabulary


def augmented_batches(
    corpus: Corpus,
    vocabulary: Vocabulary,
    device: torch.device,
    *,
    seconds: float,
    most: float,
    seed: int,
    skip: int = 0,
    part: tuple[int, int] = (0, 1),
) -> Iterator[Batch]:
    """Endless training batches; each wave up to a share of ``most`` faster or slower than it was spoken.

    Those behind the first ``skip`` are what they are without skipping. ``part`` is which part, of how many, of each
    batch is wanted; batches of fewer utterances than parts are left out.
    """
    rank, parts = part
    shared = (batch[rank::parts] for batch in training_batches(corpus, seconds, seed) if len(batch) >= parts)
    indices = islice(shared, skip, None)

    def played(number: int) -> Corpus:
        return _SpeedPerturbed(corpus, most, (seed, skip + number))

    return loaded(corpus, vocabulary, indices, device, played)


class _SpeedPerturbed:
    """A corpus whose waves change speed at every reading (Ko et al., "Audio augmentation", 2015)."""

    def __init__(self, corpus: Corpus, most: float, seed: tuple[int, int]) -> None:
        self.name, self.texts, self.samples, self.where = corpus.name, corpus.texts, corpus.samples, corpus.where
        self._read, self._most, self._seed = corpus.wave, most, seed

    def wave(self, index: int) -> np.ndarray:
        wave = self._read(index)
        # of its own seed: the same in whichever part of the batch it is read
        speed = 1.0 + np.random.default_rng((*self._seed, index)).uniform(-self._most, self._most)
        places = np.arange(0, len(wave) - 1, speed)
        return np.interp(places, np.arange(len(wave)), wave).astype(np.float32)
