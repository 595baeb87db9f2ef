"""Corpora of manifests: JSONL or CSV with an audio path and a text a line."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from evaluators.data.corpus import FileCorpus
from evaluators.data.headers import Headers
from evaluators.files import probe
from spaces.errors import UserError


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
    headers = Headers(root / f"{path.name}.headers.json")
    for place, audio, text in rows:
        if not text.strip():
            raise UserError(f"{place}: the transcript is empty; give it a text or leave the utterance out")
        file = (root / audio).resolve()
        if not outside and not file.is_relative_to(root):
            raise UserError(
                f"{place}: audio {audio!r} lies outside the manifest's folder; move it below {root}, or set "
                "outside = true in the corpus' section if the manifest is trusted"
            )
        corpus.append(file, text, place, headers.samples(file, place))
    headers.keep()
    return corpus


def _rows(path: Path) -> Iterator[tuple[str, str, str]]:
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        probe(path)
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
