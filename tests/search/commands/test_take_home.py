"""Taking a candidate home from the command line, in every format."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from search.front.export import EXPORT_FORMATS
from search.stages.run import search_study
from search.stages.stage import run_stage
from search.study.study_file import StudyFile
from tests.command_line import hubits, one_line


@pytest.fixture
def measured(tiny: Path) -> Path:
    run_stage(StudyFile.load(tiny).with_search({"trials": 0}), search_study, lambda _: None)
    return tiny


@pytest.mark.parametrize("form", EXPORT_FORMATS)
def test_a_named_member_is_written_with_a_card_and_reads_speech(form: str, measured: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = hubits("export", measured, out, "--member", "w2a2", "--format", form)
    assert done.returncode == 0, done.stderr
    assert f"w2a2 written to {out} ({form})" in done.stdout
    assert ("test WER in onnxruntime" in done.stdout) == (form == "onnx")
    card = (out / "model_card.md").read_text()
    for expected in ("w2a2", "WER, development", "| block0.attention.q_proj | w2a2 |", "Loading"):
        assert expected in card
    wave = tmp_path / "noise.wav"
    soundfile.write(wave, np.random.default_rng(0).standard_normal((22_050, 2)) * 0.1, 22_050)
    spoken = hubits("transcribe", out, wave, "--json")
    assert json.loads(spoken.stdout)["file"] == str(wave)


def test_a_name_or_format_that_is_not_there_is_told_in_one_line(measured: Path, tmp_path: Path) -> None:
    told = one_line(hubits("export", measured, tmp_path / "out", "--member", "w2a3"))
    assert "no candidate is called 'w2a3'; did you mean 'w2a2'?" in told
    told = one_line(hubits("export", measured, tmp_path / "out", "--member", "w2a2", "--format", "gguf"))
    assert "'gguf' does not exist; choose from packed, onnx" in told


def test_pick_takes_home_what_it_picked(measured: Path, tmp_path: Path) -> None:
    done = hubits("pick", measured, "--max-storage", "1", "--export", tmp_path / "picked", "--format", "onnx")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "picked" / "model.onnx").exists()
    assert "test WER in onnxruntime" in done.stdout
