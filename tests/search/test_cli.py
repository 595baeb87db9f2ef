"""The command line as a person uses it: what it prints, what it writes, how it refuses."""

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from search import cli
from search.study.layout import checkpoint_path
from search.study.records import candidates as members
from search.study.records import open_study
from search.study.study_file import StudyFile
from tests.conftest import TOML, write_study


def hubits(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "search", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny study, searched once through Ray on two workers."""
    path = write_study(tmp_path_factory.mktemp("searched"), TOML.replace('"inline"', '"ray"'))
    done = hubits("search", path, "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert "8 measured" in done.stdout
    assert "8/8 done  0 running  0 failed" in done.stderr
    return path


def _one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("hubits: ")
    return lines[0]


@pytest.mark.slow
def test_from_toml_through_ray_to_front_pick_transcript_and_report(searched: Path, tmp_path: Path) -> None:
    table = tmp_path / "front.csv"
    assert hubits("front", searched, "--csv", table).returncode == 0
    rows = list(csv.DictReader(table.open()))
    assert {r["name"] for r in rows if r["uniform"] == "True"} == {"fp16", "w8a8", "w4a4", "w2a2", "w1a1"}
    as_json = json.loads(hubits("front", searched, "--json").stdout)
    assert [r["name"] for r in as_json] == [r["name"] for r in rows]

    size = sorted(r["storage_mb"] for r in as_json)[2]
    out = tmp_path / "picked"
    picked = json.loads(hubits("pick", searched, "--max-storage", str(size), "--export", out, "--json").stdout)
    assert (out / "model.safetensors").stat().st_size <= size * 1e6
    assert (out / "model.safetensors").stat().st_size == round(picked["storage_mb"] * 1e6)
    assert json.loads((out / "assignment.json").read_text()) == json.loads(picked["assignment"])

    from evaluators.evaluator import load_corpus
    from evaluators.formats.packed import load_packed
    from evaluators.scoring import word_errors

    model, vocabulary, _ = load_packed(out)
    file = StudyFile.load(searched)
    assert word_errors(model, vocabulary, load_corpus(file.corpora.dev)).wer == pytest.approx(picked["wer"], abs=1e-3)

    wave = tmp_path / "noise.wav"
    soundfile.write(wave, np.random.default_rng(0).standard_normal((22_050, 2)) * 0.1, 22_050)
    spoken = hubits("transcribe", out, wave, "--json")
    assert json.loads(spoken.stdout)["file"] == str(wave)

    page = tmp_path / "report.html"
    assert hubits("report", searched, "--out", page).stdout.strip() == str(page)
    html = page.read_text()
    assert "https://cdn" not in html[:2000]
    for expected in ("w1a1", "w2a2", "BiT-LA w1a1", "published", "Which layer lives on how few bits"):
        assert expected in html


@pytest.mark.slow
def test_searching_again_goes_on_and_measures_only_what_is_new(searched: Path) -> None:
    file = StudyFile.load(searched)
    before = {m.number for m in members(file, open_study(file, create=False))}
    assert hubits("search", searched, "--trials", "4", "--executor", "inline").returncode == 0
    after = {m.number for m in members(file, open_study(file, create=False))}
    assert len(after) == 9
    assert before < after


@pytest.mark.slow
def test_picks_refuse_a_budget_that_nothing_meets_and_name_the_nearest(searched: Path) -> None:
    assert "the nearest is " in _one_line(hubits("pick", searched, "--max-storage", "0.0001"))
    assert checkpoint_path(StudyFile.load(searched), StudyFile.load(searched).uniform["w1a1"].digest).exists()


def test_estimate_gives_the_papers_figures() -> None:
    arguments = ["--uniform", "fp16", "--uniform", "w2a2", "--uniform", "w1a1", "--runtime", "paper", "--json"]
    found = json.loads(hubits("estimate", "--model", "hubert-base-fastconv", *arguments).stdout)
    assert [(round(f["storage_mb"], 2), round(f["runtime"], 2)) for f in found] == [
        (184.42, 1.0),
        (35.84, 0.15),
        (25.23, 0.12),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["estimate", "--model", "hubert-tiny"], "hubert-tiny: neither a file nor one of the models"),
        (["estimate", "--model", "hubert-base", "--uniform", "w3a3"], "--uniform: 'w3a3' is no precision"),
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
    assert message in _one_line(hubits(*[w.format(tiny=tiny) for w in words]))


def _break(study: Path, what: str) -> None:
    folder = study.parent
    if what == "audio":
        (folder / "2.wav").write_bytes(b"not audio")
    elif what == "gone":
        (folder / "2.wav").unlink()
    elif what == "text":
        (folder / "speech.jsonl").write_text('{"audio": "1.wav", "text": ""}\n')
    elif what == "characters":
        (folder / "speech.jsonl").write_text('{"audio": "1.wav", "text": "room 12"}\n')
    elif what == "checkpoint":
        config = json.loads((folder / "model" / "config.json").read_text())
        (folder / "model" / "config.json").write_text(json.dumps({**config, "intermediate_size": 64}))
    elif what == "torn":
        path = folder / "model" / "model.safetensors"
        path.write_bytes(path.read_bytes()[:99])
    elif what == "weights":
        (folder / "model" / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("audio", "2.wav: cannot be read as audio"),
        ("gone", "2.wav: cannot be read as audio (no such file)"),
        ("text", "speech.jsonl:1: the transcript is empty"),
        ("characters", "speech.jsonl:1: characters '1' '2' outside the model's vocabulary"),
        ("checkpoint", "has shape (32, 16), the model needs (64, 16)"),
        ("torn", "model.safetensors: broken safetensors file"),
        ("weights", "model.safetensors: not found"),
    ],
)
def test_broken_inputs_end_a_search_in_one_line(tiny: Path, what: str, message: str) -> None:
    _break(tiny, what)
    done = hubits("search", tiny)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert message in done.stderr.strip().splitlines()[-1]


def test_check_says_what_is_missing_before_anything_is_run(tiny: Path) -> None:
    assert "nothing is missing" in hubits("check", tiny).stdout
    (tiny.parent / "speech.jsonl").unlink()
    done = hubits("check", tiny, "--json")
    assert done.returncode == 2
    assert "speech.jsonl: not found" in json.loads(done.stdout)["missing"][0]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.invalid:6379", "127.0.0.1:99999999"])
def test_a_ray_address_where_nobody_listens(tiny: Path, address: str) -> None:
    done = hubits("search", str(tiny), "--executor", "ray", "--ray-address", address)
    assert done.returncode == 2
    assert done.stderr.startswith(f"hubits: search.ray_address: nobody listens at {address}")


@pytest.mark.parametrize("command", [c.name or c.callback.__name__ for c in cli.app.registered_commands])  # type: ignore[union-attr]
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = hubits(command.replace("_", "-"), "--help")
    assert done.returncode == 0
    assert f"Example: hubits {command.replace('_', '-')}" in done.stdout


def test_help_front_and_pick_load_no_torch() -> None:
    code = (
        "import sys; import search.cli, search.table, search.pick, search.snapshot, search.export, search.pareto;"
        "assert not {'torch', 'ray', 'transformers', 'plotly', 'pandas', 'optuna'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_live_line_is_plain_where_there_is_no_terminal(tiny: Path) -> None:
    started = time.monotonic()
    done = hubits("search", tiny, "--trials", "0")
    assert "\x1b" not in done.stderr
    assert "5/5 done" in done.stderr
    assert time.monotonic() - started < 120
