"""The page as a file."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from search.views.report import PAGE, SCRIPTS, render, script, write_report
from spaces import UserError
from tests.search.made_up_study import made_up_study


def test_it_holds_everything_that_it_needs_in_six_megabytes(tmp_path: Path) -> None:
    file, everyone = made_up_study(tmp_path, 500)
    page = render(file, everyone)
    assert len(page.encode()) <= 6e6
    frame = page.split("<script>", 1)[0] + page.rsplit("</script>", 2)[0][-200:]
    assert "http" not in frame
    assert "{{" not in page.split("<main>")[1].split('<script type="application/json"')[0]


def test_text_of_a_study_cannot_end_the_script_that_holds_it(tmp_path: Path) -> None:
    file, everyone = made_up_study(tmp_path, 1)
    file.path.write_text(file.path.read_text() + "\n# </script><script>alert(1)</script>\n")
    page = render(file, everyone)
    assert "</script><script>alert(1)" not in page
    assert "alert(1)" in page


def test_nothing_measured_is_said_in_one_line(tmp_path: Path) -> None:
    file, _ = made_up_study(tmp_path, 0)
    with pytest.raises(UserError, match="nothing measured yet"):
        write_report(file, [], tmp_path / "report.html")


def test_the_script_is_linted() -> None:
    oxlint = Path(sys.executable).with_name("oxlint")
    done = subprocess.run([oxlint, "--deny-warnings", PAGE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_module_of_the_script_is_in_the_page() -> None:
    assert {path.name for path in PAGE.glob("*.js")} == set(SCRIPTS)
    assert "\nimport " not in script()
    assert "\nexport " not in script()


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_the_script_parses(tmp_path: Path) -> None:
    joined = tmp_path / "script.js"
    joined.write_text(script())
    done = subprocess.run(["node", "--check", str(joined)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
