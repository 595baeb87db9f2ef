"""Corpora: utterances with a transcript and a 16 kHz mono wave, from three kinds of places.

- ``PocketCorpus``: synthetic speech (``evaluators.speech``), cached in shards under the user's cache folder.
- ``read_manifest``: JSONL or CSV with an audio path and a text a line; any rate, mono or stereo.
- ``read_librispeech``: the folder layout of LibriSpeech, through torchaudio's own data set.
"""

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from spaces.errors import UserError

SAMPLE_RATE = 16_000
_SHARD = 500
_SYNTHESIS = 2  # raise when the grammar, the voices or the synthesis change: it is part of the cache's key


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


def seconds(corpus: Corpus) -> float:
    """Length of a corpus in seconds of audio."""
    return sum(corpus.samples) / SAMPLE_RATE


def cache_folder() -> Path:
    """Where synthetic speech is kept: ``$HUBITS_CACHE``, else ``hubits`` in the user's cache folder."""
    given = os.environ.get("HUBITS_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "hubits"


class PocketCorpus:
    """The first ``size`` utterances of a split of the pocket study's speech, spoken once and cached.

    Utterance i follows from (seed, split, i) alone, so a smaller corpus is a prefix of a larger one and shares its
    cache. ``progress`` is called with the number of utterances that are ready.
    """

    def __init__(self, split: str, size: int, seed: int = 0, progress: Callable[[int], None] | None = None) -> None:
        self.name = f"pocket/{split}"
        self._folder = cache_folder() / f"pocket-{_SYNTHESIS}-{seed}"
        self._waves: list[np.ndarray] = []
        self.texts: list[str] = []
        self.samples: list[int] = []
        for shard in range(-(-size // _SHARD)):
            self._load(split, seed, shard)
            if progress:
                progress(min(size, len(self.texts)))
        del self.texts[size:], self.samples[size:]

    def _load(self, split: str, seed: int, shard: int) -> None:
        path = self._folder / f"{split}-{shard:04d}.npy"
        index = path.with_suffix(".json")
        if not index.exists():
            _speak_shard(split, seed, shard, path, index)
        try:
            entries = json.loads(index.read_text())
            wave = np.load(path, mmap_mode="r", allow_pickle=False)
            assert len(wave) == sum(entry["samples"] for entry in entries)
        except (ValueError, KeyError, TypeError, AssertionError, OSError):
            index.unlink()
            raise UserError(f"{path}: broken cache of synthetic speech, removed; run the command again") from None
        starts = np.cumsum([0] + [e["samples"] for e in entries])
        self._waves += [wave[a:b] for a, b in pairwise(starts)]
        self.texts += [entry["text"] for entry in entries]
        self.samples += [entry["samples"] for entry in entries]

    def wave(self, index: int) -> np.ndarray:
        """See ``Corpus``."""
        return self._waves[index].astype(np.float32) / 32768

    def where(self, index: int) -> str:
        """See ``Corpus``."""
        return f"{self.name} utterance {index}"


def _speak_shard(split: str, seed: int, shard: int, path: Path, index: Path) -> None:
    """Speak a shard in a process of its own: espeak-ng's sound depends on what it said before in the same process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{os.getpid()}.npy")
    part_index = part.with_suffix(".json")
    command = [sys.executable, "-m", "evaluators.speech", split, str(seed), str(shard * _SHARD), str(_SHARD), str(part)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{path}: cannot be spoken: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}")
    part.replace(path)
    part_index.replace(index)  # the index comes last: a shard with an index is whole


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


def read_audio(path: Path, place: str = "") -> np.ndarray:
    """Decode an audio file to float32 (samples,) at 16 kHz mono.

    Raises:
        UserError: if the file is missing, broken, empty or not finite.
    """
    import soundfile

    label = f"{place}: {path}" if place else str(path)
    try:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError, TypeError) as error:
        raise UserError(f"{label}: cannot be read as audio ({_reason(path, error)})") from None
    mono = wave.mean(axis=1)
    if not len(mono) or not np.isfinite(mono).all():
        raise UserError(f"{label}: holds {'no' if not len(mono) else 'non-finite'} samples; replace the file")
    if rate == SAMPLE_RATE:
        return mono
    import torch
    from torchaudio.functional import resample

    return resample(torch.from_numpy(mono), rate, SAMPLE_RATE).numpy()


def _samples(path: Path, place: str) -> int:
    """Length of the file at 16 kHz, from its header alone."""
    import soundfile

    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, OSError, RuntimeError, TypeError) as error:
        raise UserError(f"{place}: {path}: cannot be read as audio ({_reason(path, error)})") from None
    if info.frames <= 0:
        raise UserError(f"{place}: {path}: holds no samples; replace the file")
    return round(info.frames * SAMPLE_RATE / info.samplerate)


def _reason(path: Path, error: Exception) -> str:
    return "no such file" if not path.exists() else str(error).splitlines()[0].removeprefix(f"Error opening {path!r}: ")


def read_manifest(path: Path, limit: int | None = None, *, outside: bool = False) -> FileCorpus:
    """Read a manifest: JSONL or CSV with the fields ``audio`` (path, relative to the manifest) and ``text``.

    Args:
        limit: take only the first so many utterances.
        outside: whether audio may lie outside the manifest's folder.

    Raises:
        UserError: naming the file and line of whatever is wrong.
    """
    rows = list(_rows(path))[:limit]
    if not rows:
        raise UserError(f"{path}: holds no utterances")
    corpus = FileCorpus(path.stem, [], [], [], [])
    root = path.parent.resolve()
    for place, audio, text in rows:
        if not text.strip():
            raise UserError(f"{place}: the transcript is empty; give it a text or leave the utterance out")
        file = (root / audio).resolve()
        if not outside and not file.is_relative_to(root):
            raise UserError(
                f"{place}: audio {audio!r} lies outside the manifest's folder; move it below {root}, or set "
                "outside = true in the corpus' section if the manifest is trusted"
            )
        _append(corpus, file, text, place)
    return corpus


def _append(corpus: FileCorpus, file: Path, text: str, place: str) -> None:
    corpus.paths.append(file)
    corpus.texts.append(text)
    corpus.samples.append(_samples(file, place))
    corpus.places.append(place)


def _rows(path: Path) -> Iterator[tuple[str, str, str]]:
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = "no such file" if isinstance(error, FileNotFoundError) else error
        raise UserError(f"{path}: cannot be read as a manifest ({why})") from None
    lines = content.splitlines()
    if path.suffix.lower() == ".csv":
        reader = csv.DictReader(lines)
        records: Iterator[tuple[int, object]] = ((reader.line_num, row) for row in reader)
    else:
        records = ((n, _json(path, n, line)) for n, line in enumerate(lines, 1) if line.strip())
    for number, record in records:
        place = f"{path}:{number}"
        if not isinstance(record, dict) or not all(isinstance(record.get(k), str) for k in ("audio", "text")):
            raise UserError(f"{place}: needs the fields 'audio' and 'text', both strings")
        yield place, record["audio"], record["text"]


def _json(path: Path, number: int, line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}:{number}: not a JSON object ({error})") from None


def read_librispeech(root: Path, split: str, limit: int | None = None) -> FileCorpus:
    """Read one split (``dev-clean``) of a folder in LibriSpeech's layout, ``root/LibriSpeech/split`` or ``root/split``.

    torchaudio's data set finds the utterances and their transcripts; the audio is decoded by soundfile.
    """
    from torchaudio.datasets import LIBRISPEECH

    base = root / "LibriSpeech" if (root / "LibriSpeech").is_dir() else root
    if not (base / split).is_dir():
        raise UserError(f"{base / split}: no such folder; put LibriSpeech's {split} there or set the corpus' root")
    try:
        data = LIBRISPEECH(base.parent, url=split, folder_in_archive=base.name, download=False)
    except ValueError as error:
        raise UserError(f"{base / split}: not a split of LibriSpeech ({error})") from None
    corpus = FileCorpus(f"librispeech/{split}", [], [], [], [])
    for i in range(len(data) if limit is None else min(limit, len(data))):
        try:
            file, _, text, *_ = data.get_metadata(i)
        except (OSError, ValueError) as error:
            raise UserError(f"{base / split}: a transcript is missing or broken ({error})") from None
        _append(corpus, base / file, text, f"{split}[{i}]")
    if not corpus.paths:
        raise UserError(f"{base / split}: holds no utterances")
    return corpus


def fingerprint(corpus: Corpus) -> str:
    """A short hash of a corpus' transcripts and lengths: two scores are comparable only if it is equal."""
    digest = hashlib.sha256()
    for text, length in zip(corpus.texts, corpus.samples, strict=True):
        digest.update(f"{length}\t{text}\n".encode())
    return digest.hexdigest()[:16]
