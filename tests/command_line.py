"""The command line as a person uses it."""

import subprocess
import sys
from pathlib import Path


def hubits(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "search", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("hubits: ")
    return lines[0]
