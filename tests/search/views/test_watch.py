"""The report of a running study on loopback."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from search.study.candidate import Candidate
from search.study.snapshot import write_snapshot
from search.study.study_file import StudyFile
from search.study.tally import Tally
from search.views.watch import Watcher
from tests.browser import chromium, needs_chromium, opened
from tests.search.made_up_study import made_up_study


class Watched(NamedTuple):
    server: Watcher
    file: StudyFile
    everyone: list[Candidate]

    def get(self, path: str, host: str | None = None) -> str:
        request = urllib.request.Request(self.server.address + path, headers={"Host": host} if host else {})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A study that has a copy alone: there is no database to touch."""
    file, everyone = made_up_study(tmp_path, 10)
    file.folder.mkdir(parents=True)
    server = Watcher(file, 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Watched(server, file, everyone)
    server.shutdown()
    server.server_close()
    assert not (file.folder / "study.db").exists()


def test_it_shows_the_copy_and_its_stamp_changes_with_it(watched: Watched) -> None:
    assert "Nothing is measured yet" in watched.get("")
    assert watched.get("stamp") == ""
    write_snapshot(watched.file, watched.everyone[:5], Tally())
    first = watched.get("stamp")
    assert f'data-stamp="{first}"' in watched.get("")
    write_snapshot(watched.file, watched.everyone, Tally())
    assert watched.get("stamp") != first
    assert watched.everyone[-1].name in watched.get("")


def test_it_answers_this_machine_alone_and_nothing_else_of_it(watched: Watched) -> None:
    assert watched.server.server_address[0] == "127.0.0.1"
    for path, host, code in (("", "elsewhere.example:80", 403), ("study.db", None, 404), ("../tiny.toml", None, 404)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            watched.get(path, host)
        assert refused.value.code == code


@needs_chromium
def test_the_page_refreshes_itself_and_keeps_the_budget(watched: Watched) -> None:
    write_snapshot(watched.file, watched.everyone[:8], Tally())
    with chromium() as browser:
        page, said = opened(browser, watched.server.address)
        page.fill("#limit-error", "60")
        write_snapshot(watched.file, watched.everyone, Tally())
        page.wait_for_function(f"window.hubits && hubits.page.members.length === {len(watched.everyone)}")
        assert page.locator("#limit-error").input_value() == "60"
        assert not said
