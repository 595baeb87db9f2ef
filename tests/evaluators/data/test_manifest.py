"""Manifests, whole and broken."""

import csv
from pathlib import Path

import pytest

from evaluators.data.manifest import read_manifest
from spaces import UserError
from spaces.architecture import SAMPLE_RATE
from tests.evaluators.data.speech import write_tone


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_manifests(tmp_path: Path, form: str) -> None:
    write_tone(tmp_path / "a.wav", 22_050, 2)
    path = tmp_path / f"m.{form}"
    with path.open("w", newline="") as stream:
        if form == "csv":
            csv.writer(stream).writerows([["audio", "text"], ["a.wav", "one tone"], ["a.wav", "again"]])
        else:
            stream.write('{"audio": "a.wav", "text": "one tone"}\n\n{"audio": "a.wav", "text": "again"}\n')
    corpus = read_manifest(path)
    assert corpus.texts == ["one tone", "again"]
    assert corpus.samples == [SAMPLE_RATE] * 2
    assert len(corpus.wave(1)) == SAMPLE_RATE
    assert len(read_manifest(path, limit=1).texts) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"audio": "gone.wav", "text": "a"}', r"m\.jsonl:1: .*gone\.wav: cannot be read as audio \(no such file\)"),
        ('{"audio": "bad.wav", "text": "a"}', r"bad\.wav: cannot be read as audio"),
        ('{"audio": "a.wav", "text": " "}', r"m\.jsonl:1: the transcript is empty"),
        ('{"audio": "../a.wav", "text": "a"}', r"lies outside the manifest's folder"),
        ('{"audio": "a.wav"}', r"m\.jsonl:1: needs the fields 'audio' and 'text'"),
        ("audio: a.wav", r"m\.jsonl:1: not a JSON object"),
        ("", r"m\.jsonl: holds no utterances"),
    ],
)
def test_a_broken_manifest_names_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    write_tone(tmp_path / "a.wav", 16_000)
    (tmp_path / "bad.wav").write_bytes(b"RIFF nothing here")
    path = tmp_path / "m.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(UserError, match=message):
        read_manifest(path)


def test_a_trusted_manifest_may_point_elsewhere(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav", 16_000)
    path = tmp_path / "lists" / "m.jsonl"
    path.parent.mkdir()
    path.write_text('{"audio": "../a.wav", "text": "a"}\n')
    with pytest.raises(UserError, match="outside = true"):
        read_manifest(path)
    assert read_manifest(path, outside=True).paths == [tmp_path / "a.wav"]
