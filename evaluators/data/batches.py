"""Length-bucketed batches of padded, normalised audio with CTC targets."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
import torch

from evaluators.data.audio import normalise
from evaluators.data.corpus import Corpus
from evaluators.data.vocabulary import Vocabulary
from spaces.architecture import SAMPLE_RATE


@dataclass(frozen=True)
class Batch:
    """One padded batch.

    Attributes:
        audio: float32 (batch, samples), each utterance with zero mean and unit variance, zeros behind its end.
        mask: int64 (batch, samples), 1 where there is audio.
        targets: int64 (total target length,), all transcripts' token ids in one row.
        lengths: int64 (batch,), target length of each utterance.
        indices: corpus index of each utterance.
    """

    audio: torch.Tensor
    mask: torch.Tensor
    targets: torch.Tensor
    lengths: torch.Tensor
    indices: tuple[int, ...]

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        move = {k: getattr(self, k).to(device, non_blocking=True) for k in ("audio", "mask", "targets", "lengths")}
        return Batch(indices=self.indices, **move)

    def split(self, parts: int) -> list["Batch"]:
        """The same utterances in at most ``parts`` smaller batches, padded as far as the whole one."""
        found = []
        ends = [0, *self.lengths.cumsum(0).tolist()]
        for rows in torch.arange(len(self.indices)).tensor_split(min(parts, len(self.indices))):
            first, last = int(rows[0]), int(rows[-1]) + 1
            own = {k: getattr(self, k)[first:last] for k in ("audio", "mask", "lengths")}
            targets = self.targets[ends[first] : ends[last]]
            found.append(Batch(targets=targets, indices=self.indices[first:last], **own))
        return found


def collate(corpus: Corpus, vocabulary: Vocabulary, indices: tuple[int, ...]) -> Batch:
    """Load and pad some utterances of a corpus."""
    waves = [normalise(corpus.wave(i)) for i in indices]
    audio = torch.zeros(len(waves), max(map(len, waves)))
    mask = torch.zeros(audio.shape, dtype=torch.long)
    for row, wave in enumerate(waves):
        audio[row, : len(wave)] = torch.from_numpy(wave)
        mask[row, : len(wave)] = 1
    targets = [vocabulary.encode(corpus.texts[i], corpus.where(i)) for i in indices]
    flat = torch.tensor([t for target in targets for t in target])
    return Batch(audio, mask, flat, torch.tensor([len(t) for t in targets]), indices)


def loaded(
    corpus: Corpus,
    vocabulary: Vocabulary,
    indices: Iterator[tuple[int, ...]],
    device: torch.device,
    played: Callable[[int], Corpus] | None = None,
) -> Iterator[Batch]:
    """Batches on a device, in order, loaded by some threads while others are being used.

    As many threads as PyTorch may use: reading, decoding and copying leave the interpreter to others.

    Args:
        played: the corpus as the batch of a number hears it, where it is not the same for all.
    """

    def load(number: int, wanted: tuple[int, ...]) -> Batch:
        return collate(played(number) if played else corpus, vocabulary, wanted).to(device)

    threads = max(2, torch.get_num_threads())
    numbered = zip(count(), indices)
    with ThreadPoolExecutor(threads) as pool:
        pending = deque(pool.submit(load, *item) for item in islice(numbered, threads))
        while pending:
            batch = pending.popleft().result()
            pending.extend(pool.submit(load, *item) for item in islice(numbered, 1))
            yield batch


def training_batches(corpus: Corpus, seconds: float, seed: int) -> Iterator[tuple[int, ...]]:
    """Endless index batches of at most ``seconds`` of padded audio, reshuffled every epoch.

    Utterances are sorted by length within random pools, so that a batch pads little but epochs differ.
    """
    rng = np.random.default_rng(seed)
    lengths = np.array(corpus.samples)
    while True:
        order = rng.permutation(len(lengths))
        batches = []
        for pool in np.array_split(order, max(1, len(order) // 2048)):
            batches += pack(pool[np.argsort(lengths[pool], kind="stable")], lengths, seconds)
        for i in rng.permutation(len(batches)):
            yield batches[i]


def scoring_batches(corpus: Corpus, seconds: float) -> list[tuple[int, ...]]:
    """Every utterance once, in batches of at most ``seconds`` of padded audio, longest first."""
    lengths = np.array(corpus.samples)
    return pack(np.argsort(-lengths, kind="stable"), lengths, seconds)


def pack(order: np.ndarray, lengths: np.ndarray, seconds: float) -> list[tuple[int, ...]]:
    """Cut an order of utterances into runs whose padded audio stays within ``seconds`` (at least one each)."""
    batches: list[tuple[int, ...]] = []
    run: list[int] = []
    longest = 0
    for i in order:
        longest = max(longest, int(lengths[i]))
        if run and longest * (len(run) + 1) > seconds * SAMPLE_RATE:
            batches.append(tuple(run))
            run, longest = [], int(lengths[i])
        run.append(int(i))
    return [*batches, tuple(run)] if run else batches
