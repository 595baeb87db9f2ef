"""Corpora: utterances with a transcript and a 16 kHz mono wave, whatever place they come from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from evaluators.data.audio import read_audio
from spaces.architecture import SAMPLE_RATE
from spaces.errors import UserError


class Corpus(Protocol):
    """A fixed sequence of utterances."""

    name: str
    texts: list[str]
    samples: list[int]

    def wave(self, index: int) -> np.ndarray:
        """The utterance as float32 of shape (samples,), 16 kHz mono, in [-1, 1]."""
        ...

    def where(self, index: int) -> str:
        """How to name the utterance in an error message."""
        ...


class _First:
    """The first utterances of a corpus."""

    def __init__(self, corpus: Corpus, count: int) -> None:
        self.name, self.texts, self.samples = corpus.name, corpus.texts[:count], corpus.samples[:count]
        self.wave, self.where = corpus.wave, corpus.where


def first(corpus: Corpus, count: int) -> Corpus:
    """The first so many utterances of a corpus."""
    return corpus if count >= len(corpus.texts) else _First(corpus, count)


class _Joined:
    """The utterances of some corpora in a row."""

    def __init__(self, corpora: Sequence[Corpus]) -> None:
        self._place = [(corpus, i) for corpus in corpora for i in range(len(corpus.texts))]
        self.name = " and ".join(dict.fromkeys(corpus.name for corpus in corpora))
        self.texts = [text for corpus in corpora for text in corpus.texts]
        self.samples = [length for corpus in corpora for length in corpus.samples]

    def wave(self, index: int) -> np.ndarray:
        corpus, i = self._place[index]
        return corpus.wave(i)

    def where(self, index: int) -> str:
        corpus, i = self._place[index]
        return corpus.where(i)


def mixed(corpus: Corpus, more: Corpus, share: float) -> Corpus:
    """Two corpora as one, the smaller repeated so that ``share`` of its seconds, or nearly so, come from ``more``."""
    ratio = share * seconds(corpus) / ((1 - share) * seconds(more))
    times = (1, round(ratio)) if ratio >= 1 else (round(1 / ratio), 1)
    return _Joined([corpus] * times[0] + [more] * times[1])


def seconds(corpus: Corpus) -> float:
    """Length of a corpus in seconds of audio."""
    return sum(corpus.samples) / SAMPLE_RATE


@dataclass
class FileCorpus:
    """Utterances in audio files of any rate and number of channels; decoded by soundfile when asked for."""

    name: str
    paths: list[Path]
    texts: list[str]
    samples: list[int]
    places: list[str]

    def wave(self, index: int) -> np.ndarray:
        """See ``Corpus``; averages channels and resamples to 16 kHz."""
        return read_audio(self.paths[index], self.places[index])

    def where(self, index: int) -> str:
        """See ``Corpus``."""
        return self.places[index]

    def append(self, path: Path, text: str, place: str, samples: int) -> None:
        """Add an utterance."""
        self.paths.append(path)
        self.texts.append(text)
        self.samples.append(samples)
        self.places.append(place)


def refuse_shorter(corpus: Corpus, samples: int) -> None:
    """Refuse a corpus that holds an utterance under one frame of the model.

    Raises:
        UserError: naming the utterance.
    """
    for index, length in enumerate(corpus.samples):
        if length < samples:
            raise UserError(
                f"{corpus.where(index)}: {length} samples at 16 kHz are less than the model's one frame of {samples}; "
                "leave the utterance out"
            )


def fingerprint(corpus: Corpus) -> str:
    """A short hash of a corpus' transcripts and lengths: two scores are comparable only if it is equal."""
    digest = hashlib.sha256()
    for text, length in zip(corpus.texts, corpus.samples, strict=True):
        digest.update(f"{length}\t{text}\n".encode())
    return digest.hexdigest()[:16]
