"""Lengths of audio files, kept beside their manifest: else every worker reads every header from a shared disk."""

import json
from contextlib import suppress
from pathlib import Path

from evaluators.data.audio import samples_of
from evaluators.files import write_json


class Headers:
    """Lengths by the file's path, good for as long as its size and time of change are the same.

    Args:
        path: the JSON file that they are kept in; a folder that cannot be written does without.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._new = path, False
        self._kept: dict[str, list[int]] = {}
        with suppress(OSError, ValueError, RecursionError):
            kept = json.loads(path.read_text(encoding="utf-8"))
            self._kept = kept if isinstance(kept, dict) else {}

    def samples(self, path: Path, place: str) -> int:
        """Length of a file at 16 kHz.

        Raises:
            UserError: as ``samples_of``.
        """
        key = str(path.relative_to(self._path.parent) if path.is_relative_to(self._path.parent) else path)
        try:
            status = path.stat()
        except OSError:
            return samples_of(path, place)  # says what is wrong
        stamp, kept = [status.st_size, status.st_mtime_ns], self._kept.get(key)
        if isinstance(kept, list) and kept[:2] == stamp and isinstance(kept[-1], int) and kept[-1] > 0:
            return kept[-1]
        found = samples_of(path, place)
        self._kept[key], self._new = [*stamp, found], True
        return found

    def keep(self) -> None:
        """Write them down where some are new."""
        if self._new:
            with suppress(OSError):
                write_json(self._kept, self._path)
