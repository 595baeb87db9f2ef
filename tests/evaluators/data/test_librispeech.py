"""LibriSpeech's folder layout."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluators.data.librispeech import read_librispeech
from spaces import UserError


def test_librispeech_layout(tmp_path: Path) -> None:
    chapter = tmp_path / "LibriSpeech" / "dev-clean" / "84" / "121"
    chapter.mkdir(parents=True)
    for i in range(3):
        soundfile.write(chapter / f"84-121-{i:04d}.flac", np.zeros(8000) + 0.01 * i, 16_000)
    (chapter / "84-121.trans.txt").write_text("".join(f"84-121-{i:04d} SAY {'A' * (i + 1)}\n" for i in range(3)))
    corpus = read_librispeech(tmp_path, "dev-clean")
    assert sorted(corpus.texts) == ["SAY A", "SAY AA", "SAY AAA"]
    assert corpus.samples == [8000] * 3
    assert corpus.wave(2).shape == (8000,)
    with pytest.raises(UserError, match=r"test-other: no such folder"):
        read_librispeech(tmp_path, "test-other")
