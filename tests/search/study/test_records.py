"""The same study on SQLite and on PostgreSQL: measuring, going on, reading, copying."""

from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from search.running.executors import InlineExecutor
from search.stages.run import refine_study, search_study
from search.stages.stage import RunContext, Stop
from search.study.candidate import Candidate
from search.study.copying import copy_study
from search.study.records import candidates as members
from search.study.records import connect, open_study, shown, unreachable
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


def _file(folder: Path, url: str, name: str, trials: int = 6) -> StudyFile:
    toml = TOML.replace('name = "tiny"', f'name = "{name}"').replace("trials = 3", f"trials = {trials}")
    return StudyFile.load(write_study(folder, toml + f'storage = "{url}"\n'))


def _run(file: StudyFile, log: Path) -> list[Candidate]:
    return search_study(file, RunContext(InlineExecutor(Simulation(log)), lambda _: None, Stop()))


def test_a_study_goes_on_and_is_read(tmp_path: Path, url: str) -> None:
    local = StudyFile.load(write_study(tmp_path / "local", TOML.replace("trials = 3", "trials = 6")))
    whole = _run(local, tmp_path / "log-local")
    first = _run(_file(tmp_path / "a", url, "goes-on", trials=2), tmp_path / "log")
    file = _file(tmp_path / "a", url, "goes-on")
    found = _run(file, tmp_path / "log")
    assert len(first) == 7
    assert [(m.name, m.objectives) for m in found] == [(m.name, m.objectives) for m in whole]
    assert len([n for n in notes(tmp_path / "log") if n["what"] == "measured"]) == 11
    assert members(file, open_study(file, create=False)) == found
    refined = refine_study(file, RunContext(InlineExecutor(Simulation(tmp_path / "log")), lambda _: None, Stop()))
    assert {m.assignment for m in refined} <= {m.assignment for m in found}
    assert not (file.folder / "study.db").exists()


def test_a_queued_trial_is_measured(tmp_path: Path, url: str) -> None:
    file = _file(tmp_path, url, "queued", trials=1)
    wanted = dict.fromkeys(file.search_space.variables, 3) | {next(iter(file.search_space.variables)): 0}
    open_study(file, create=True).enqueue_trial(wanted)
    _run(file, tmp_path / "log")
    trials = open_study(file, create=False).get_trials(deepcopy=False)
    assert trials[0].state == TrialState.COMPLETE
    assert trials[0].params == wanted


def test_trials_of_others_are_left_alone(tmp_path: Path) -> None:
    file = StudyFile.load(write_study(tmp_path))
    space = file.search_space
    params = dict.fromkeys(space.variables, 2)
    open_study(file, create=True).add_trial(
        optuna.trial.create_trial(params=params, distributions=dict(space.distributions), values=[1.0, 0.1, 0.1])
    )
    found = _run(file, tmp_path / "log")
    assert len(found) == 8
    assert 0 not in {m.number for m in found}


def test_records_are_copied_whole_and_the_search_goes_on_there(tmp_path: Path, url: str) -> None:
    path = write_study(tmp_path / "a", TOML.replace('name = "tiny"', 'name = "copied"'))
    local = StudyFile.load(path)
    with pytest.raises(UserError, match="nothing to copy"):
        copy_study(local, url)
    before = _run(local, tmp_path / "log")
    refine_study(local, RunContext(InlineExecutor(Simulation(tmp_path / "log")), lambda _: None, Stop()))
    assert copy_study(local, url) == ["copied", "copied/refined"]
    path.write_text(path.read_text() + f'storage = "{url}"\n')
    there = StudyFile.load(path)
    assert members(there, open_study(there, create=False)) == before
    with pytest.raises(UserError, match="holds a study 'copied' already"):
        copy_study(local, url)
    assert (
        len(_run(there.model_copy(update={"search": there.search.model_copy(update={"trials": 5})}), tmp_path / "log"))
        == 10
    )
    # and back
    assert copy_study(there, f"sqlite:///{tmp_path / 'back.db'}") == ["copied", "copied/refined"]
    back = optuna.load_study(study_name="copied", storage=connect(f"sqlite:///{tmp_path / 'back.db'}"))
    assert len([t for t in back.trials if t.state == TrialState.COMPLETE]) == 10


def test_a_database_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    file = _file(tmp_path, "postgresql+psycopg://nobody:secret@127.0.0.1:1/none", "gone")
    with pytest.raises(UserError, match=r"nobody:\*\*\*@127.0.0.1:1/none: cannot be opened"):
        _run(file, tmp_path / "log")


@pytest.mark.parametrize("url", ["postgresql+psycopg://me:secret@127.0.0.1:1/x", "postgresql://me:secret@host:port/x"])
def test_no_password_is_printed(url: str) -> None:
    assert "secret" not in shown(url)
    assert "secret" not in str(unreachable(url, RuntimeError("no")))
