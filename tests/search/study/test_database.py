"""Databases that fail in the middle, are half copied, cannot be opened or are named relative to the study file."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import optuna
import pytest
import sqlalchemy

from search.running.executors import InlineExecutor
from search.stages import stage
from search.stages.run import search_study
from search.stages.stage import Progress, RunContext, Stop, run_stage
from search.study import copying, records
from search.study.copying import copy_study
from search.study.records import candidates, connect, database_url, filled, open_study
from search.study.study_file import StudyFile
from spaces import UserError
from tests import postgres
from tests.command_line import hubits, one_line
from tests.conftest import TOML, write_study
from tests.simulation import Simulation, notes

QUICK = (0.01, 0.01)


@pytest.fixture
def server() -> Iterator[tuple[str, ExitStack]]:
    if postgres.binaries() is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with ExitStack() as running:
        yield running.enter_context(postgres.instance()), running


def _file(folder: Path, url: str) -> StudyFile:
    return StudyFile.load(write_study(folder, TOML + f'storage = "{url}"\n'))


def _search(file: StudyFile, on_progress: stage.OnProgress = lambda _: None) -> int:
    context = RunContext(InlineExecutor(Simulation(file.home.parent / "log")), on_progress, Stop())
    return len(search_study(file, context))


def _once(happens: stage.OnProgress) -> stage.OnProgress:
    done: list[int] = []

    def on_progress(progress: Progress) -> None:
        if progress.stage == "search" and progress.done >= 3 and not done:
            done.append(1)
            happens(progress)

    return on_progress


def test_dropped_connections_are_made_again(tmp_path: Path, server: tuple[str, ExitStack]) -> None:
    url, _ = server

    def drop(_: Progress) -> None:
        with sqlalchemy.create_engine(url).connect() as connection:
            all_others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            connection.execute(sqlalchemy.text(all_others))

    assert _search(_file(tmp_path, url), _once(drop)) == 8
    assert len(notes(tmp_path / "log")) == 8


def test_a_database_that_is_gone_ends_a_search_in_one_line(
    tmp_path: Path, server: tuple[str, ExitStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, running = server
    monkeypatch.setattr(records, "_PAUSES", QUICK)
    monkeypatch.setattr(stage, "make_executor", lambda _: InlineExecutor(Simulation(tmp_path / "log")))
    with pytest.raises(UserError, match="what was measured is kept, the same command goes on") as caught:
        run_stage(_file(tmp_path, url), search_study, _once(lambda _: running.close()))
    assert "\n" not in str(caught.value)
    assert len(notes(tmp_path / "log")) >= 3


@pytest.mark.parametrize("lasting", ["disk is full", "readonly database"])
def test_what_does_not_pass_is_not_waited_for(tmp_path: Path, lasting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_PAUSES", (10**9,))
    error = sqlalchemy.exc.OperationalError("INSERT", {}, Exception(f"database or {lasting}"))

    def fails() -> None:
        raise optuna.exceptions.StorageInternalError("wrapped") from error

    with pytest.raises(optuna.exceptions.StorageInternalError) as caught:
        records.patiently(fails)
    assert lasting in str(records.unwritable("sqlite:///x.db", caught.value))


def test_a_copy_that_was_interrupted_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = StudyFile.load(write_study(tmp_path))
    _search(file)
    target = f"sqlite:///{tmp_path / 'there.db'}"

    def interrupted(study: optuna.Study, trials: list[optuna.trial.FrozenTrial]) -> None:
        for trial in trials[:2]:
            study.add_trial(trial)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(optuna.Study, "add_trials", interrupted)
        with pytest.raises(KeyboardInterrupt):
            copy_study(file, target)
    (tmp_path / "tiny.toml").write_text(TOML + f'storage = "{target}"\n')
    there = StudyFile.load(tmp_path / "tiny.toml")
    with pytest.raises(UserError, match="'tiny' is half a copy; run `hubits copy` again"):
        open_study(there, create=True)
    assert copying.copy_study(file, target) == ["tiny"]
    assert candidates(there, open_study(there, create=False)) == candidates(file, open_study(file, create=False))


def test_a_relative_sqlite_url_lies_beside_the_study_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _file(tmp_path / "study", "sqlite:///records.db")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        assert _search(StudyFile.load(file.path)) == 8
    assert (tmp_path / "study" / "records.db").exists()
    assert len(notes(tmp_path / "study" / "log")) == 8
    elsewhere = f"sqlite:///{tmp_path / 'x.db'}"
    assert _file(tmp_path / "c", elsewhere).search.storage == elsewhere


@pytest.mark.parametrize(
    "url",
    ["postgresql+psycopg://me:geheim@host:port/x", "nonsense", "nodriver://me:geheim@host/x", "sqlite:////no/x.db"],
)
def test_a_url_that_cannot_be_is_one_line(tmp_path: Path, url: str) -> None:
    line = one_line(hubits("search", _file(tmp_path, url).path))
    assert "cannot be opened" in line
    assert "geheim" not in line


def test_secrets_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _file(tmp_path, "postgresql+psycopg://me:${HUBITS_TEST_PASSWORD}@server/studies")
    with pytest.raises(UserError, match=r"search.storage: \$\{HUBITS_TEST_PASSWORD\} is not set in the environment"):
        database_url(file)
    monkeypatch.setenv("HUBITS_TEST_PASSWORD", "p@ss/word")
    assert database_url(file) == "postgresql+psycopg://me:p%40ss%2Fword@server/studies"
    assert "p@ss" not in file.shipped + records.shown(database_url(file))
    monkeypatch.setenv("HUBITS_TEST_URL", "sqlite:///x.db")
    assert filled("${HUBITS_TEST_URL}") == "sqlite:///x.db"


def test_the_dashboard_is_told_what_the_objectives_are(tiny: Path) -> None:
    file = StudyFile.load(tiny)
    _search(file)
    study = optuna.load_study(study_name="tiny", storage=connect(database_url(file)))
    assert study.metric_names == ["WER %", "storage MB", "runtime"]


def test_a_broken_test_corpus_says_why_scores_are_empty(tmp_path: Path) -> None:
    text = TOML.replace('[corpora.test]\nkind = "manifest"\npath = "speech.jsonl"',
                        '[corpora.test]\nkind = "manifest"\npath = "test.jsonl"')  # fmt: skip
    path = write_study(tmp_path, text)
    (tmp_path / "test.jsonl").write_text(json.dumps({"audio": "gone.wav", "text": "a bee"}) + "\n")
    done = hubits("search", path, "--trials", "0")
    assert done.returncode == 0
    assert "not scored on the test corpus" in done.stderr
    assert "gone.wav: cannot be read as audio (no such file)" in done.stderr
