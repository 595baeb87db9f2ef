"""The report of a running study, served on this machine alone and made of its copy: the database is never touched."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from search.study.layout import snapshot_path
from search.study.snapshot import read_snapshot
from search.study.study_file import StudyFile
from search.views.report import render

_LOOPBACK = "127.0.0.1"
_WAITING = (
    "<!doctype html><html lang=en><head><meta charset=utf-8><meta http-equiv=refresh content=3><title>hubits</title>"
    "<link rel=icon href='data:,'></head>"
    "<body><p>Nothing is measured yet; this page looks again by itself.</p></body></html>"
)


class Watcher(ThreadingHTTPServer):
    """Serves ``/``, the report as the study's copy has it, and ``/stamp``, which changes when the copy does.

    Args:
        port: on the loopback interface; 0 takes any that is free.

    Raises:
        OSError: if the port is taken.
    """

    daemon_threads = True

    def __init__(self, file: StudyFile, port: int) -> None:
        super().__init__((_LOOPBACK, port), _Handler)
        self.file = file
        self._made = ("", _WAITING)

    @property
    def address(self) -> str:
        """Where to look."""
        return f"http://{_LOOPBACK}:{self.server_port}/"

    @property
    def stamp(self) -> str:
        """Of the copy; empty where there is none."""
        try:
            return str(snapshot_path(self.file).stat().st_mtime_ns)
        except OSError:
            return ""

    @property
    def page(self) -> str:
        """The report, made anew where the copy has changed."""
        stamp = self.stamp
        if stamp != self._made[0]:
            found = read_snapshot(self.file)
            if found is not None and found[0]:
                self._made = (stamp, render(self.file, found[0], found[1], stamp=stamp))
        return self._made[1]


class _Handler(BaseHTTPRequestHandler):
    server: Watcher

    def do_GET(self) -> None:
        """Answer those who came to this machine by its own name: a page elsewhere cannot read a study through them."""
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host not in (_LOOPBACK, "localhost"):
            self.send_error(403)
        elif self.path == "/":
            self._answer(self.server.page, "text/html")
        elif self.path == "/stamp":
            self._answer(self.server.stamp, "text/plain")
        else:
            self.send_error(404)

    def _answer(self, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Say nothing."""
