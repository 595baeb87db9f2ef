"""The house stays in order: files fit, folders fit."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("search", "evaluators", "spaces", "tests")


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", *PACKAGES], capture_output=True, text=True, cwd=ROOT, check=False
    ).stdout
    return [ROOT / line for line in listed.splitlines()]


def test_no_file_is_over_300_lines() -> None:
    for path in _tracked():
        if path.suffix == ".py":
            assert len(path.read_text().splitlines()) <= 300, path


def test_no_folder_holds_over_14_files() -> None:
    files = _tracked()
    for folder in {path.parent for path in files}:
        assert sum(path.parent == folder for path in files) <= 14, folder


def test_every_folder_of_a_package_says_what_it_is_for() -> None:
    for path in _tracked():
        if path.name == "__init__.py" and "tests" not in path.parts:
            assert path.read_text().startswith('"""'), path
