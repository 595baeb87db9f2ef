"""The public face: what a notebook uses, and a wheel that is whole."""

import os
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

import hubits
from search.stages.run import search_study
from search.stages.stage import run_stage
from search.study.study_file import StudyFile
from search.views.report import SCRIPTS

ROOT = Path(__file__).parent.parent


@pytest.fixture
def study(tiny: Path) -> hubits.Study:
    run_stage(StudyFile.load(tiny).with_search({"trials": 1}), search_study, lambda _: None)
    return hubits.open_study(tiny)


def test_a_notebook_opens_looks_picks_and_reads(study: hubits.Study, tmp_path: Path) -> None:
    table = study.dataframe()
    assert len(table) == len(study.candidates) == 6
    assert {"name", "wer", "storage_mb", "runtime"} <= set(table.columns)
    assert {c.name for c in study.front()} <= set(table["name"])
    assert {"storage", "runtime", "bits", "progress"} <= set(study.figures)
    chosen = study.pick(max_storage=float(table["storage_mb"].max()))
    study.export(chosen.candidate, tmp_path / "picked")
    reader = hubits.load(tmp_path / "picked")
    assert reader.assignment == chosen.candidate.assignment
    assert isinstance(reader.transcribe(np.zeros(16_000, np.float32)), str)
    with pytest.raises(hubits.UserError, match="raise the budget"):
        study.pick(max_storage=1e-6)


def test_what_it_exports_is_there() -> None:
    for name in hubits.__all__:
        assert getattr(hubits, name)


def test_another_owner_of_its_import_names_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "__init__.py").write_text("")
    command = [sys.executable, "-c", "import hubits"]
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "give hubits an environment of its own" in done.stdout + done.stderr


@pytest.mark.slow
def test_a_wheel_holds_what_a_search_without_a_clone_needs(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    # an environment of its own that sees the packages of this one, but not the clone
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    site = next((home / "lib").glob("python*")) / "site-packages"
    (site / "packages.pth").write_text(str(Path(np.__file__).parents[1]) + "\n")
    python = home / "bin" / "python"
    wheel = next(wheels.glob("hubits-*.whl"))
    assert {f"search/views/page/{name}" for name in ("page.html", "page.css", *SCRIPTS)} <= set(
        ZipFile(wheel).namelist()
    )
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    hubits_command = home / "bin" / "hubits"

    def run(*words: str) -> str:
        done = subprocess.run([str(hubits_command), *words], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = [str(python), "-c", "import search; print(search.__file__)"]
    assert str(home) in subprocess.run(where, capture_output=True, text=True, cwd=tmp_path, check=True).stdout
    run("demo", "copied")
    assert "nothing is missing" in run("check", "copied/demo.toml")
