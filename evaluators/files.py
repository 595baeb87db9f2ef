"""Files that are written whole or not at all."""

import errno
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# what a shared disk or its server says when it is away for a moment
_PASSING = frozenset(
    getattr(errno, name)
    for name in (
        "ESTALE", "EIO", "EREMOTEIO", "ETIMEDOUT", "EAGAIN", "EBUSY", "ENOLCK", "ECONNRESET", "ECONNREFUSED",
        "ECONNABORTED", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENETRESET", "ENOTCONN", "EINTR",
    )
    if hasattr(errno, name)
)  # fmt: skip


def passing(error: OSError) -> bool:
    """Whether an error may be gone in a moment, as on a shared disk; nothing is wrong with the file."""
    return error.errno in _PASSING


def probe(path: Path) -> None:
    """Raise what a shared disk says where it is away for a moment: readers of files tell it in words of their own."""
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        if passing(error):
            raise


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to, and put the file in its place once it is written; what a failure leaves is taken away.

    The name is the process's own: several may write the same file, on several machines.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{os.getpid()}-{secrets.token_hex(4)}.part{path.suffix}")
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
