"""An instance of PostgreSQL of the tests' own, on loopback, in a folder of its own, as Debian's package installs it."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def binaries() -> Path | None:
    """Where initdb lies; None where PostgreSQL is not installed or cannot be run by who asks."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or not shutil.which("runuser"):
        return None
    return found[-1].parent


@contextmanager
def instance() -> Iterator[str]:
    """Start an empty server, hand out its Optuna URL, stop it and remove its folder."""
    where = binaries()
    assert where is not None
    folder = Path(tempfile.mkdtemp(prefix="hubits-postgres-"))
    prefix: list[str] = []
    if os.getuid() == 0:  # PostgreSQL refuses to be root
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        prefix = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(*command: str) -> None:
        subprocess.run([*prefix, *command], check=True, stdout=subprocess.DEVNULL, cwd=folder)

    data = folder / "data"
    options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories={folder}"
    try:
        run(str(where / "initdb"), "-D", str(data), "-U", "hubits", "--auth=trust", "-E", "UTF8", "--no-sync")
        run(str(where / "pg_ctl"), "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
        yield f"postgresql+psycopg://hubits@127.0.0.1:{port}/postgres"
    finally:
        stop = [*prefix, str(where / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"]
        subprocess.run(stop, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)
