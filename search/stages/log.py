"""The log of a study: what was started, failed, tried again, and by whom; warnings reach the screen as well."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from search.study.layout import log_path
from search.study.study_file import StudyFile
from spaces.errors import UserError, plain

LEVELS = ("debug", "info", "warning", "error")
_log = logging.getLogger("hubits")


class _Plain(logging.Formatter):
    """One line an entry, whatever somebody's error message holds."""

    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record))


@contextmanager
def logged(file: StudyFile) -> Iterator[None]:
    """Append to the study's log while the block runs; ``hubits --log-level`` says how much.

    Raises:
        UserError: if the study's folder cannot be written.
    """
    if _log.level == logging.NOTSET:
        _log.setLevel(logging.INFO)
    try:
        file.home.mkdir(parents=True, exist_ok=True)
        book = logging.FileHandler(log_path(file), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file.home}: cannot be written ({error.strerror})") from None
    screen = logging.StreamHandler()
    screen.setLevel(logging.WARNING)
    for handler, form in ((book, "%(asctime)s %(levelname)s %(name)s: %(message)s"), (screen, "hubits: %(message)s")):
        handler.setFormatter(_Plain(form))
        _log.addHandler(handler)
    try:
        yield
    finally:
        for handler in (book, screen):
            _log.removeHandler(handler)
        book.close()


def set_level(name: str) -> None:
    """How much studies' logs tell.

    Raises:
        UserError: if there is no such level.
    """
    if name not in LEVELS:
        raise UserError(f"--log-level: {name!r} is none of {', '.join(LEVELS)}")
    _log.setLevel(name.upper())
