"""Commands that measure: broken inputs, what is missing, a cluster that is not there."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.command_line import hubits
from tests.conftest import TOML, write_speech


def _break(study: Path, what: str) -> None:
    folder = study.parent
    if what == "audio":
        (folder / "2.wav").write_bytes(b"not audio")
    elif what == "short":
        soundfile.write(folder / "2.wav", np.full(300, 0.1), 16_000)
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
        ("short", "speech.jsonl:3: 300 samples at 16 kHz are less than the model's one frame of"),
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
    write_speech(tiny.parent)
    tiny.write_text(TOML + '[decoding]\nwords = "words.txt"\n')
    for command in ("check", "search"):  # not when the front is scored, after the search
        done = hubits(command, tiny)
        assert done.returncode == 2
        assert f"decoding.words: {tiny.parent / 'words.txt'}: not found" in done.stdout + done.stderr


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.invalid:6379", "127.0.0.1:99999999"])
def test_a_ray_address_where_nobody_listens(tiny: Path, address: str) -> None:
    done = hubits("search", str(tiny), "--executor", "ray", "--ray-address", address)
    assert done.returncode == 2
    assert done.stderr.startswith(f"hubits: search.ray_address: nobody listens at {address}")


def test_live_line_is_plain_where_there_is_no_terminal(tiny: Path) -> None:
    done = hubits("search", tiny, "--trials", "0")
    assert "\x1b" not in done.stderr
    assert "5/5 done" in done.stderr
