"""The study on human speech, from the float model to the front, on made-up speech in LibriSpeech's layout."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluators.data.librispeech import read_names
from search.running.executors import InlineExecutor
from search.stages.run import search_study
from search.stages.stage import RunContext, Stop
from search.stages.training import train_float_model, train_supernet_model
from search.study.study_file import StudyFile
from tests.conftest import TINY
from tests.librispeech_part import lay_out

STUDY = Path("studies/librispeech-small.toml")
PART = Path("../shared/speech/librispeech-dev-clean-part")
_FEWER = {
    "steps": "1", "low_bit_steps": "0", "batch_seconds": "3.0", "trials": "1", "proxies": "0", "workers": "1",
    "size": "2",
}  # fmt: skip


def _part(folder: Path, lists: Path) -> Path:
    """A part as manifests: one utterance of each list."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for split in ("train", "dev", "test"):
        name = min(read_names(lists / f"{split}.txt"))
        soundfile.write(folder / f"{name}.wav", 0.1 * rng.standard_normal(20_000), 16_000)
        (folder / f"{split}.jsonl").write_text(json.dumps({"audio": f"{name}.wav", "text": "the sea"}) + "\n")
        (lists / f"{split}.txt").write_text(f"{name}\n")
    return folder


def _shorten(study: Path, to: Path) -> None:
    text = study.read_text()
    for key, value in _FEWER.items():
        text = re.sub(rf"(?m)^{key} = \S+", f"{key} = {value}", text)
    to.write_text(text)


def test_the_study_runs_from_the_float_model_to_the_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("espeakng_loader")
    monkeypatch.setenv("HUBITS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("evaluators.data.synthetic.corpus._SHARD", 2)
    home = tmp_path / "librispeech-small"
    shutil.copytree(
        STUDY.with_suffix(""), home, ignore=shutil.ignore_patterns("data", "*.safetensors", "moby-dick.txt")
    )
    config = home / "model" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | TINY | {"classifier_proj_size": 16}))
    (home / "moby-dick.txt").write_text("Call me Ishmael. The sea was calm that day.")
    (home / "words.txt").write_text("call\nme\nthe\nsea\n")
    assert lay_out(_part(tmp_path / "part", home), home / "data") == 3
    path = tmp_path / STUDY.name
    _shorten(STUDY, path)
    with path.open("a") as stream:
        stream.write('executor = "inline"\n')
    train_float_model(StudyFile.load(path), lambda *_: None)
    train_supernet_model(StudyFile.load(path), lambda *_: None)
    file = StudyFile.load(path)
    found = search_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    assert set(file.uniform) < {m.name for m in found}
    assert {m.measure for m in found} == {"cer"}
    assert any(m.on_test and m.test and "beam" in m.test for m in found)


@pytest.mark.skipif(not PART.exists(), reason="the part of LibriSpeech lies outside the repository")
def test_the_lists_name_the_parts_utterances_and_share_no_speaker() -> None:
    speakers = {}
    for split in ("train", "dev", "test"):
        rows = [json.loads(line) for line in (PART / f"{split}.jsonl").read_text().splitlines()]
        names = read_names(STUDY.with_suffix("") / f"{split}.txt")
        assert names == {Path(row["audio"]).stem for row in rows}
        speakers[split] = {name.partition("-")[0] for name in names}
    assert not speakers["train"] & speakers["dev"]
    assert not (speakers["train"] | speakers["dev"]) & speakers["test"]
