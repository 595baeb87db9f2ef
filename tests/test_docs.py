"""The pages of docs/: their commands are hubits' own, their links lead somewhere, the reference is the schema's."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from search.cli import app
from search.views.reference import reference

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))


def _commands(page: Path) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line) for line in lines if line and not line.startswith("#")]


def test_the_study_files_page_is_what_the_schema_says() -> None:
    assert (ROOT / "docs" / "study-file.md").read_text() == reference()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", text):
        assert (page.parent / link).exists(), link
    for name in re.findall(r"`((?:spaces|evaluators|search|studies|tests)/[\w./-]+\.\w+)`", text):
        assert (ROOT / name).exists(), name
    known = {command.name: command.callback for command in app.registered_commands}
    for words in _commands(page):
        if words[0] == "hubits":
            assert words[1] in known, words
            options = {w.split("=")[0] for w in words if w.startswith("--")}
            told = subprocess.run(
                [sys.executable, "-m", "search", words[1], "--help"], capture_output=True, text=True, check=True
            ).stdout
            assert all(option in told for option in options), words
        else:
            assert words[:2] == ["python", "-m"], words
            module = ROOT / words[2].replace(".", "/")
            assert module.with_suffix(".py").exists() or (module / "__main__.py").exists(), words


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "api" / "index.html").read_text()
    assert "open_study" in page
