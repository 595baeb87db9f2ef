"""Lengths of audio files that are not read again."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluators.data import headers
from evaluators.data.corpus import fingerprint
from evaluators.data.manifest import read_manifest
from spaces import UserError
from tests.conftest import write_speech


def test_headers_are_read_once_and_again_where_a_file_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = write_speech(tmp_path), []
    first = read_manifest(path)
    samples_of = headers.samples_of
    monkeypatch.setattr(headers, "samples_of", lambda file, place: read.append(file.name) or samples_of(file, place))
    assert fingerprint(read_manifest(path)) == fingerprint(first)
    assert read == []
    soundfile.write(tmp_path / "3.wav", np.full(4_000, 0.1), 16_000)
    assert read_manifest(path).samples[3] == 4_000
    assert read == ["3.wav"]
    (tmp_path / "2.wav").unlink()
    with pytest.raises(UserError, match=r"2.wav: cannot be read as audio \(no such file\)"):
        read_manifest(path)


def test_a_broken_index_is_made_anew(tmp_path: Path) -> None:
    path = write_speech(tmp_path)
    before = read_manifest(path).samples
    index = tmp_path / "speech.jsonl.headers.json"
    for broken in ("[", "[1]", index.read_text().replace("[", "[[9], ")):
        index.write_text(broken)
        assert read_manifest(path).samples == before
