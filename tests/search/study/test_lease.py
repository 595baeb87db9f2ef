"""Two drivers on one database from two folders: the second is refused, the first loses nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from search.running.executors import InlineExecutor
from search.stages.run import search_study
from search.stages.stage import RunContext, Stop
from search.study import lease
from search.study.lease import leased
from search.study.study_file import StudyFile
from spaces import UserError
from tests import postgres
from tests.conftest import TOML, write_study
from tests.simulation import Simulation, notes


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if postgres.binaries() is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with postgres.instance() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'elsewhere.db'}"
    return str(request.getfixturevalue("server"))


def _file(folder: Path, url: str) -> StudyFile:
    name = folder.parent.name.replace("[", "-").replace("]", "")
    toml = TOML.replace('name = "tiny"', f'name = "{name}"')
    return StudyFile.load(write_study(folder, toml + f'storage = "{url}"\n'))


def _change(url: str, values: str) -> None:
    with sqlalchemy.create_engine(url).begin() as connection:
        connection.execute(sqlalchemy.text(f"UPDATE hubits_leases SET {values}"))


def test_a_second_driver_in_another_folder_is_refused(tmp_path: Path, url: str) -> None:
    one, other = _file(tmp_path / "a", url), _file(tmp_path / "b", url)
    refused: list[str] = []

    def intrude(_: object) -> None:
        if not refused:
            try:
                search_study(other, RunContext(InlineExecutor(Simulation(tmp_path / "log")), lambda _: None, Stop()))
            except UserError as error:
                refused.append(str(error))

    found = search_study(one, RunContext(InlineExecutor(Simulation(tmp_path / "log")), intrude, Stop()))
    assert "another hubits search works on it" in refused[0]
    assert f"process {os.getpid()}" in refused[0]
    assert len(found) == len(notes(tmp_path / "log")) == 8
    again = search_study(other, RunContext(InlineExecutor(Simulation(tmp_path / "log")), lambda _: None, Stop()))
    assert len(again) == len(notes(tmp_path / "log")) == 8  # it was given back, and nothing is measured twice


def test_a_lease_that_ran_out_or_whose_holder_was_killed_here_is_taken(tmp_path: Path, url: str) -> None:
    one, other = _file(tmp_path / "a", url), _file(tmp_path / "b", url)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with leased(one, lambda _: None):
        _change(url, "place = 'another machine'")
        with pytest.raises(UserError, match=r"if its machine is gone, this one may start in \d+ s"), \
                leased(other, lambda _: None):  # fmt: skip
            pass
        _change(url, "until = 0")
        with leased(other, lambda _: None):
            _change(url, f"pid = {dead.pid}")
            with leased(one, lambda _: None):
                pass


def test_who_lost_its_lease_writes_no_more(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_BEAT", 0.01)
    file, stop = _file(tmp_path / "a", url), Stop()

    def taken(_: object) -> None:
        _change(url, "token = 'other'")
        while stop._over is None:
            pass

    with pytest.raises(UserError, match="another hubits search has taken it over"):
        search_study(file, RunContext(InlineExecutor(Simulation(tmp_path / "log")), taken, stop))
    with sqlalchemy.create_engine(url).begin() as connection:  # and leaves the other's lease alone
        assert connection.scalar(sqlalchemy.text("SELECT token FROM hubits_leases")) == "other"
        connection.execute(sqlalchemy.text("DELETE FROM hubits_leases"))
