"""Files that are written whole or not at all."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to, and put the file in its place once it is written; what a failure leaves is taken away.

    The name is the process's own: several may write the same file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(value: dict[str, Any], path: Path) -> None:
    """Write a JSON file whole or not at all."""
    with whole(path) as part:
        part.write_text(json.dumps(value), encoding="utf-8")
