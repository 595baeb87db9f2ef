"""Every command: how it refuses, its help, what it loads."""

import subprocess
import sys
from pathlib import Path

import pytest

from search import cli
from tests.command_line import hubits, one_line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["estimate", "--model", "hubert-tiny"], "hubert-tiny: neither a file nor one of the models"),
        (["estimate", "--model", "hubert-base", "--uniform", "w3"], "--uniform: 'w3' is no precision"),
        (["estimate", "--model", "hubert-base", "--uniform", "w5a5"], "--uniform: w5a5: 5 bits do not exist"),
        (["estimate", "--model", "hubert-base", "--runtime", "guess"], "--runtime: 'guess' is no runtime model"),
        (["estimate", "--model", "hubert-large", "--runtime", "paper"], "use --runtime bitops"),
        (["check", "gone.toml"], "gone.toml: no such study file"),
        (["search", "{tiny}", "--executor", "slurm"], "--executor: Input should be 'ray' or 'inline'"),
        (["front", "{tiny}"], "nothing measured yet; start with `hubits search"),
        (["train-float", "{tiny}"], "float_training: missing"),
        (["train-supernet", "{tiny}"], "supernet_training and model.supernet: missing"),
        (["transcribe", "nowhere", "a.wav"], "config.json: not found"),
    ],
)
def test_mistakes_are_one_line(tiny: Path, words: list[str], message: str) -> None:
    assert message in one_line(hubits(*[w.format(tiny=tiny) for w in words]))


@pytest.mark.parametrize("command", [c.name or c.callback.__name__ for c in cli.app.registered_commands])  # type: ignore[union-attr]
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = hubits(command.replace("_", "-"), "--help")
    assert done.returncode == 0
    assert f"Example: hubits {command.replace('_', '-')}" in done.stdout


def test_help_front_and_pick_load_no_torch() -> None:
    code = (
        "import sys; import search.cli, search.views.table, search.front.pick, search.study.snapshot;"
        "import search.front.export, search.front.pareto;"
        "assert not {'torch', 'ray', 'transformers', 'plotly', 'pandas', 'optuna'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_mistake_that_names_a_file_says_nothing_to_the_terminal(tmp_path: Path) -> None:
    line = one_line(hubits("search", tmp_path / "a\x1b[2J\n\u202eb.toml"))
    assert "\x1b" not in line
    assert "\u202e" not in line
    assert r"a\x1b[2J\n\u202eb.toml: no such study file" in line
