"""Every command that the README shows is run, on a tiny study in the place of the pocket one."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from transformers import HubertConfig, HubertForCTC

from evaluators.data.vocabulary import POCKET_TOKENS, Vocabulary
from tests.command_line import hubits
from tests.conftest import TINY, TOML, write_study

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    for line in block.splitlines()
    if line and not line.startswith("#")
]
TRAINING = """
[float_training]
steps = 2
learning_rate = 1e-3
batch_seconds = 3
[supernet_training]
steps = 2
learning_rate = 1e-3
batch_seconds = 3
"""
RECIPES = """
[recipes]
bits = [2]
seeds = 1
steps = 1
"""


def test_the_readme_shows_commands() -> None:
    assert sum(c.startswith("hubits ") for c in COMMANDS) >= 9


@pytest.mark.slow
def test_every_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = write_study(tmp_path / "a")
    train = write_study(
        tmp_path / "b", TOML.replace("[corpora.train]", 'supernet = "super.safetensors"\n[corpora.train]')
    )
    train.write_text(train.read_text() + TRAINING)
    (train.parent / "model" / "model.safetensors").unlink()  # train-float makes it
    soundfile.write(tmp_path / "hello.wav", np.random.default_rng(0).standard_normal(16_000) * 0.1, 16_000)
    downloaded = tmp_path / "downloaded"
    HubertForCTC(HubertConfig(**TINY)).save_pretrained(downloaded)
    Vocabulary(POCKET_TOKENS).save(downloaded / "vocab.json")
    rows = write_study(tmp_path / "c", TOML + RECIPES)
    places = {
        "studies/pocket/demo.toml": str(study), "studies/pocket/train.toml": str(train), "22": "2", "w2a8+w4a8": "w2a8",
        "studies/pocket/recipes.toml": str(rows), "studies/pocket/model": str(study.parent / "model"),
        "facebook/hubert-large-ls960-ft": str(downloaded),
    }  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        words = shlex.split(command)
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE), command
            continue
        if words[0] == "python":
            module = [sys.executable, *words[1:3], "--help"]
            assert subprocess.run(module, check=False, capture_output=True, cwd=ROOT).returncode == 0, command
            continue
        done = hubits(*[places.get(w, w) for w in words[1:]])
        assert done.returncode == 0, f"{command}: {done.stderr}"
    assert (tmp_path / "picked" / "model.safetensors").stat().st_size <= 1.2e6
    assert (tmp_path / "front.csv").exists()
    assert "WER against storage" in (tmp_path / "report.html").read_text()


def test_files_that_the_readme_names_exist() -> None:
    for link in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / link.partition("#")[0]).exists(), link
    for name in re.findall(r"`((?:spaces|evaluators|search|studies|tests)/[\w/]+\.\w+)`", README):
        assert (ROOT / name).exists() or name.endswith("report.html"), name
