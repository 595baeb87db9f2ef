"""What lies behind a study's measurements: the model, the supernet and the manifests, each by a hash of its content.

A study file names them by their paths alone, under which others may come to lie.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from evaluators.costs.layout import CHECKPOINT, CONFIG, VOCABULARY
from evaluators.files import write_json
from search.study.layout import hashes_path
from search.study.study_file import StudyFile


def inputs(file: StudyFile) -> dict[str, str]:
    """A hash of every input by the key that names it; what is not there is left out.

    Files are read once, and again when their size or time of change differs.
    """
    try:
        known: dict[str, Any] = json.loads(hashes_path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        known = {}
    found, kept = {}, {}
    for key, path in _paths(file):
        with suppress(OSError):
            status = path.stat()
            stamp = [status.st_size, status.st_mtime_ns]
            cached = known.get(str(path)) if isinstance(known, dict) else None
            if not (isinstance(cached, list) and cached[:2] == stamp and isinstance(cached[-1], str)):
                with path.open("rb") as stream:
                    cached = [*stamp, hashlib.file_digest(stream, "sha256").hexdigest()[:16]]
            kept[str(path)], found[key] = cached, cached[-1]
    if kept != known and file.home.exists():
        with suppress(OSError):  # somebody else's folder: hashed anew each time
            write_json(kept, hashes_path(file))
    return found | ({"model.supernet": "none"} if file.model.supernet is None else {})


def other_input(then: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """The key of the first input that is not what it was; None where all of those that are there are."""
    return next((key for key in then if key in now and now[key] != then[key]), None)


def _paths(file: StudyFile) -> Iterator[tuple[str, Path]]:
    for name in (CONFIG, VOCABULARY, CHECKPOINT):
        yield f"model.folder ({name})", file.model.folder / name
    if file.model.supernet is not None:
        yield "model.supernet", file.model.supernet
    for name, corpus in (("train", file.corpora.train), ("dev", file.corpora.dev)):
        for key, path in (("path", corpus.path), ("list", corpus.list)):
            if path is not None and path.is_file():
                yield f"corpora.{name}.{key}", path
