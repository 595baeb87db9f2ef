"""The pocket study's speech and its cache."""

import json
from pathlib import Path

import numpy as np
import pytest

from evaluators.data.corpus import fingerprint
from evaluators.data.synthetic.corpus import pocket_corpus, spoken_corpus
from spaces.architecture import SAMPLE_RATE


def test_pocket_voices_are_disjoint_and_its_cache_is_a_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("espeakng_loader")
    monkeypatch.setenv("HUBITS_CACHE", str(tmp_path))
    monkeypatch.setattr("evaluators.data.synthetic.corpus._SHARD", 4)
    corpora = {split: pocket_corpus(split, 6) for split in ("train", "dev", "test")}
    voices = {
        split: {e["voice"].split("+")[1] for f in tmp_path.rglob(f"{split}-*.json") for e in json.loads(f.read_text())}
        for split in corpora
    }
    assert not voices["train"] & voices["dev"]
    assert not voices["dev"] & voices["test"]
    assert not voices["train"] & voices["test"]
    assert corpora["dev"].texts[:3] == pocket_corpus("dev", 3).texts
    wave = corpora["dev"].wave(5)
    assert np.array_equal(_wave_of_a_fresh_cache(tmp_path, monkeypatch), corpora["dev"].wave(1))
    assert len(wave) == corpora["dev"].samples[5] > SAMPLE_RATE // 2
    assert 0.05 < np.abs(wave).max() <= 1
    assert fingerprint(corpora["dev"]) == fingerprint(pocket_corpus("dev", 6)) != fingerprint(corpora["test"])


def _wave_of_a_fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.setenv("HUBITS_CACHE", str(tmp_path / "again"))
    return pocket_corpus("dev", 2).wave(1)


def test_a_text_is_read_aloud_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("espeakng_loader")
    monkeypatch.setenv("HUBITS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("evaluators.data.synthetic.corpus._SHARD", 2)
    text = tmp_path / "text.txt"
    text.write_text("The sea was calm. A ship went by! Nobody saw it go.")
    whole = spoken_corpus(text, "train")
    assert whole.texts == ["the sea was calm", "a ship went by", "nobody saw it go"]
    assert min(whole.samples) > SAMPLE_RATE // 2
    part = spoken_corpus(text, "train", size=1)
    assert part.texts == whole.texts[:1]
    assert np.array_equal(part.wave(0), whole.wave(0))
    text.write_text("The sea was rough. A ship went by!")
    assert spoken_corpus(text, "train").texts[0] == "the sea was rough"  # a cache of its own
