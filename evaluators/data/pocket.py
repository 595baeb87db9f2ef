"""The pocket study's corpus: synthetic speech, spoken once and cached in shards under the user's cache folder."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

from spaces.errors import UserError

_SHARD = 500
_SYNTHESIS = 2  # raise when the grammar, the voices or the synthesis change: it is part of the cache's key


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
    command = [
        sys.executable,
        "-m",
        "evaluators.data.espeak",
        split,
        str(seed),
        str(shard * _SHARD),
        str(_SHARD),
        str(part),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{path}: cannot be spoken: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}")
    part.replace(path)
    part_index.replace(index)  # the index comes last: a shard with an index is whole
