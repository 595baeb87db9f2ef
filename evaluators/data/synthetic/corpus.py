"""Synthetic speech, spoken once and cached in shards under the user's cache folder."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np

from evaluators.data.synthetic.grammar import sentence
from evaluators.data.synthetic.prose import sentences
from spaces.errors import UserError

_SHARD = 500
_SYNTHESIS = 2  # raise when the grammar, the voices or the synthesis change: it is part of the cache's key


def cache_folder() -> Path:
    """Where synthetic speech is kept: ``$HUBITS_CACHE``, else ``hubits`` in the user's cache folder."""
    given = os.environ.get("HUBITS_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "hubits"


class SyntheticCorpus:
    """Sentences spoken by espeak-ng, once, and cached.

    Utterance i follows from (seed, split, i) and its sentence alone, so a smaller corpus is a prefix of a larger one
    and shares its cache.
    """

    def __init__(
        self, name: str, folder: Path, orders: Callable[[int], dict[str, str]], size: int, most: int | None = None
    ) -> None:
        """Speak what is not in the cache yet.

        Args:
            name: what the corpus is called in messages, ``KIND/SPLIT``.
            folder: of the cache.
            orders: what ``speak`` is given for utterance i.
            size: number of utterances.
            most: how many there could be; None for no end. Shards are spoken whole.
        """
        self.name, split = name, name.rpartition("/")[2]
        self._waves: list[np.ndarray] = []
        self.texts: list[str] = []
        self.samples: list[int] = []
        paths = {start: folder / f"{split}-{start // _SHARD:04d}.npy" for start in range(0, size, _SHARD)}

        def speak(start: int) -> None:
            end = start + _SHARD if most is None else min(start + _SHARD, most)
            _speak_shard([orders(i) for i in range(start, end)], paths[start])

        missing = [start for start, path in paths.items() if not path.with_suffix(".json").exists()]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # each waits for a process of its own
            for _ in pool.map(speak, missing):
                pass
        for path in paths.values():
            self._load(path)
        del self.texts[size:], self.samples[size:]

    def _load(self, path: Path) -> None:
        index = path.with_suffix(".json")
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


def pocket_corpus(split: str, size: int, seed: int = 0) -> SyntheticCorpus:
    """The first ``size`` utterances of a split of the pocket study: sentences of its grammar in its voices."""

    def orders(i: int) -> dict[str, str]:
        key = f"{seed}/{split}/{i}"
        return {"split": split, "seed": key, "text": sentence(key), "manner": "pocket"}

    return SyntheticCorpus(f"pocket/{split}", cache_folder() / f"pocket-{_SYNTHESIS}-{seed}", orders, size)


def spoken_corpus(path: Path, split: str, size: int | None = None, seed: int = 0) -> SyntheticCorpus:
    """The first sentences of a text in its order, read aloud by the voices of a split.

    Raises:
        UserError: if the text cannot be read or holds no sentence.
    """
    said = sentences(path)
    text = hashlib.sha256("\n".join(said).encode()).hexdigest()[:12]

    def orders(i: int) -> dict[str, str]:
        return {"split": split, "seed": f"{seed}/{split}/{i}", "text": said[i], "manner": "reading"}

    folder = cache_folder() / f"spoken-{_SYNTHESIS}-{text}-{seed}"
    return SyntheticCorpus(f"{path.stem}/{split}", folder, orders, min(size or len(said), len(said)), len(said))


def _speak_shard(orders: Sequence[dict[str, str]], path: Path) -> None:
    """Speak a shard in a process of its own: espeak-ng's sound depends on what it said before in the same process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{os.getpid()}.npy")
    part_index, wanted = part.with_suffix(".json"), part.with_suffix(".orders")
    wanted.write_text(json.dumps(orders), encoding="utf-8")
    command = [sys.executable, "-m", "evaluators.data.synthetic.espeak", str(wanted), str(part)]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}  # as many processes as cores: their threads would wait for each other
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=alone)
    wanted.unlink()
    if done.returncode:
        why = done.stderr.strip() or f"espeak-ng ended with {done.returncode}"
        raise UserError(f"{path}: cannot be spoken: {why.splitlines()[-1]}")
    part.replace(path)
    part_index.replace(path.with_suffix(".json"))  # the index comes last: a shard with an index is whole
