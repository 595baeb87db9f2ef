"""LibriSpeech's folder layout."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluators.data.librispeech import read_librispeech
from spaces import UserError


def _laid_out(root: Path) -> None:
    chapter = root / "LibriSpeech" / "dev-clean" / "84" / "121"
    chapter.mkdir(parents=True)
    for i in range(3):
        soundfile.write(chapter / f"84-121-{i:04d}.flac", np.zeros(8000) + 0.01 * i, 16_000)
    (chapter / "84-121.trans.txt").write_text("".join(f"84-121-{i:04d} SAY {'A' * (i + 1)}\n" for i in range(3)))


def test_librispeech_layout(tmp_path: Path) -> None:
    _laid_out(tmp_path)
    corpus = read_librispeech(tmp_path, "dev-clean")
    assert sorted(corpus.texts) == ["SAY A", "SAY AA", "SAY AAA"]
    assert corpus.samples == [8000] * 3
    assert corpus.wave(2).shape == (8000,)
    with pytest.raises(UserError, match=r"test-other: no such folder"):
        read_librispeech(tmp_path, "test-other")


def test_a_list_of_names_is_taken_alone(tmp_path: Path) -> None:
    _laid_out(tmp_path)
    names = tmp_path / "names.txt"
    names.write_text("# the last and the first\n84-121-0002\n\n84-121-0000\n")
    corpus = read_librispeech(tmp_path, "dev-clean", names=names)
    assert {corpus.where(i): text for i, text in enumerate(corpus.texts)} == {
        "84-121-0000": "SAY A", "84-121-0002": "SAY AAA",
    }  # fmt: skip
    names.write_text("84-121-0001\n84-121-0007\n84-121-0009\n")
    with pytest.raises(UserError, match=r"names.txt: 84-121-0007 and 1 others are not in .*dev-clean"):
        read_librispeech(tmp_path, "dev-clean", names=names)
    names.write_text("# nobody\n")
    with pytest.raises(UserError, match="names no utterance"):
        read_librispeech(tmp_path, "dev-clean", names=names)
