"""Commands that serve a study on this machine: its report while it runs, and Optuna's dashboard."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from search.commands.options import Refined, StudyPath, load
from spaces.errors import UserError

Port = Annotated[int, typer.Option(min=0, max=65535, help="on this machine alone; 0 takes any that is free")]


def watch(study: StudyPath, port: Port = 8765, refined: Refined = False) -> None:
    """Serve the report of a running study to browsers on this machine; it refreshes itself. Ctrl-C ends it.

    Example: hubits watch studies/pocket/demo.toml
    """
    from search.views.watch import Watcher

    try:
        server = Watcher(load(study, refined=refined), port)
    except OSError as error:
        raise UserError(f"--port: {port} cannot be served ({error.strerror}); try --port 0") from None
    print(f"{server.address} shows {study} as far as it is measured", flush=True)
    _serve_until_interrupted(server.serve_forever)


def dashboard(study: StudyPath, port: Port = 8080, refined: Refined = False) -> None:
    """Open Optuna's dashboard on a copy of a study's database, as it is now. Ctrl-C ends it.

    Example: hubits dashboard studies/pocket/demo.toml
    """
    try:
        from optuna_dashboard import run_server
    except ImportError:
        raise UserError("dashboard: needs optuna-dashboard; pip install 'hubits[dashboard]'") from None
    from search.study.copying import copy_database

    file = load(study, refined=refined)
    with TemporaryDirectory() as folder:
        url = copy_database(file, Path(folder) / "study.db")
        print(f"http://127.0.0.1:{port}/ shows a copy of {study}; start again for a newer one", flush=True)
        _serve_until_interrupted(lambda: run_server(url, host="127.0.0.1", port=port))


def _serve_until_interrupted(serve: Callable[[], None]) -> None:
    """Serve from a thread: an interrupt within a request would be taken for that request's error, and lost."""
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
