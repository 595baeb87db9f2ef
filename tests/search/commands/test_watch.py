"""Serving a study: the command line around it."""

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from search.study.copying import copy_database
from search.study.snapshot import write_snapshot
from search.study.study_file import StudyFile
from search.study.tally import Tally
from spaces import UserError
from tests.command_line import hubits, one_line
from tests.search.made_up_study import made_up_study


def _interrupted(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 0
    assert process.stderr is not None
    said = process.stderr.read()
    assert "Traceback" not in said
    return said


def _started(*words: str) -> tuple[subprocess.Popen[str], str]:
    """A command that serves, and the address that it says."""
    command = [sys.executable, "-m", "search", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
    assert found is not None
    return process, found[0]


@pytest.mark.slow
def test_watch_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    file, everyone = made_up_study(tmp_path, 5)
    file.folder.mkdir(parents=True)
    write_snapshot(file, everyone, Tally())
    process, address = _started("watch", str(file.path), "--port", "0")
    with urllib.request.urlopen(address, timeout=120) as answer:
        assert everyone[0].name in answer.read().decode()
    assert _interrupted(process).strip() == "stopped"


@pytest.mark.slow
def test_the_dashboard_opens_on_a_copy(tiny: Path) -> None:
    assert hubits("search", tiny, "--trials", "1").returncode == 0
    before = (StudyFile.load(tiny).folder / "study.db").read_bytes()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    process, address = _started("dashboard", str(tiny), "--port", str(port))
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{address}api/studies", timeout=120) as answer:
                assert "tiny" in answer.read().decode()
            break
        except OSError:
            time.sleep(0.2)
    else:
        pytest.fail("the dashboard never answered")
    _interrupted(process)
    assert (StudyFile.load(tiny).folder / "study.db").read_bytes() == before


def test_a_taken_port_is_said_in_one_line(tiny: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "try --port 0" in one_line(hubits("watch", tiny, "--port", str(port)))


def test_there_is_nothing_to_copy_before_the_first_search(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing measured yet"):
        copy_database(StudyFile.load(tiny), tmp_path / "copy.db")
