"""One driver at a time on a study's records, wherever it runs: a row in the database itself that expires.

A lock in the study's folder cannot see a driver that writes the same database from another folder or machine.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC
from typing import Any

from search.study.records import database_url, engine_options, shown, unreachable
from search.study.study_file import StudyFile
from spaces import UserError

_SECONDS = 180  # that a lease holds without being renewed: a machine that died is waited for so long
_BEAT = 20.0  # seconds between renewals
_LOST_AFTER = 150.0  # seconds without one after which nobody may believe to hold it


@contextmanager
def leased(file: StudyFile, on_lost: Callable[[UserError], None]) -> Iterator[None]:
    """Hold a study's records in a database of its own while the block runs; renewed in a thread.

    A study without one lies in its folder, whose lock tells drivers apart.

    Args:
        on_lost: told, in that thread, that somebody else may hold them from now on.

    Raises:
        UserError: if another driver holds them, or the database cannot be reached.
    """
    if file.search.storage is None:
        yield
        return
    lease, ended = _Lease(database_url(file), file.name), threading.Event()
    lease.take()

    def renew() -> None:
        renewed = time.monotonic()
        while not ended.wait(_BEAT):
            with suppress(Exception):  # a database that is away for a moment: the next beat tries again
                if not lease.renew():
                    on_lost(UserError(f"{lease.what}: another hubits search has taken it over; this one ends here"))
                    return
                renewed = time.monotonic()
            if time.monotonic() - renewed > _LOST_AFTER:
                on_lost(UserError(f"{lease.what}: out of reach for too long; what was measured is kept"))
                return

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(Exception):  # it expires
            lease.release()


class _Lease:
    """The row of a study: who holds it, where, and until when by the database's clock."""

    def __init__(self, url: str, study: str) -> None:
        import sqlalchemy as sql

        self._sql, self._url, self._study = sql, url, study
        self._me = f"{socket.gethostname()}, process {os.getpid()}"
        self._token = secrets.token_hex(8)
        self.what = f"{shown(url)}: study {study!r}"
        self._rows = sql.Table(
            "hubits_leases", sql.MetaData(), sql.Column("study", sql.String(100), primary_key=True),
            sql.Column("token", sql.String(16), nullable=False), sql.Column("holder", sql.String(300), nullable=False),
            sql.Column("place", sql.String(300), nullable=False), sql.Column("pid", sql.BigInteger, nullable=False),
            sql.Column("until", sql.BigInteger, nullable=False),
        )  # fmt: skip

    def take(self) -> None:
        """Take a row that nobody holds, whose time is over, or whose holder died on this machine."""
        try:
            arguments = engine_options(self._url).get("connect_args", {})
            self._engine = self._sql.create_engine(self._url, poolclass=self._sql.pool.NullPool, connect_args=arguments)
            with suppress(self._sql.exc.ProgrammingError, self._sql.exc.OperationalError):  # two make it at once
                self._rows.create(self._engine, checkfirst=True)
            with self._engine.begin() as connection:
                held = connection.execute(self._rows.select().where(self._rows.c.study == self._study)).first()
                now = self._now(connection)
                if held is not None and held.until > now and not _died(held):
                    raise UserError(
                        f"{self.what}: another hubits search works on it ({held.holder}); wait for it or stop it; if "
                        f"its machine is gone, this one may start in {held.until - now} s"
                    )
                if held is None:
                    connection.execute(self._rows.insert().values(study=self._study, **self._mine(now)))
                elif not self._replace(connection, held.token, now):
                    raise UserError(f"{self.what}: another hubits search has just started on it")
            _OWN.add(self._token)
        except self._sql.exc.IntegrityError:
            raise UserError(f"{self.what}: another hubits search has just started on it") from None
        except (self._sql.exc.SQLAlchemyError, ImportError, ValueError) as error:
            raise unreachable(self._url, error) from None

    def renew(self) -> bool:
        """Hold it for longer; whether it is still ours."""
        with self._engine.begin() as connection:
            return self._replace(connection, self._token, self._now(connection))

    def release(self) -> None:
        """Give it back."""
        _OWN.discard(self._token)
        with self._engine.begin() as connection:
            connection.execute(self._rows.delete().where(self._ours(self._token)))

    def _mine(self, now: int) -> dict[str, Any]:
        return {
            "token": self._token, "holder": self._me, "place": _place(), "pid": os.getpid(), "until": now + _SECONDS
        }  # fmt: skip

    def _replace(self, connection: Any, token: str, now: int) -> bool:
        """Compare and swap."""
        change = self._rows.update().where(self._ours(token)).values(**self._mine(now))
        return bool(connection.execute(change).rowcount)

    def _ours(self, token: str) -> Any:
        return self._sql.and_(self._rows.c.study == self._study, self._rows.c.token == token)

    def _now(self, connection: Any) -> int:
        now = connection.scalar(self._sql.select(self._sql.func.now()))
        return int((now if now.tzinfo else now.replace(tzinfo=UTC)).timestamp())


def _place() -> str:
    """Where process ids mean the same: the machine, and the container on it."""
    namespace = ""
    with suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - not a path
    return f"{socket.gethostname()} {namespace}"


def _died(held: Any) -> bool:
    """Whether a holder was a process here that is no more: it was killed, and need not be waited for."""
    if held.place != _place():
        return False
    if held.pid == os.getpid():  # a container that started anew; ourselves, where we hold it already
        return held.token not in _OWN
    try:
        os.kill(held.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


_OWN: set[str] = set()  # tokens that this process holds
