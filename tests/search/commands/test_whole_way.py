"""From a TOML through Ray to front, pick, transcript and report."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from search.study.layout import checkpoint_path
from search.study.records import candidates as members
from search.study.records import open_study
from search.study.study_file import StudyFile
from spaces import Assignment
from tests.command_line import hubits, one_line
from tests.conftest import TOML, write_study


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny study, searched once through Ray on two workers."""
    path = write_study(tmp_path_factory.mktemp("searched"), TOML.replace('"inline"', '"ray"'))
    done = hubits("search", path, "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert "8 measured" in done.stdout
    assert "8/8 done  0 running  0 failed" in done.stderr
    return path


@pytest.mark.slow
def test_from_toml_through_ray_to_front_pick_transcript_and_report(searched: Path, tmp_path: Path) -> None:
    table = tmp_path / "front.csv"
    assert hubits("front", searched, "--csv", table).returncode == 0
    rows = list(csv.DictReader(table.open()))
    named = {r["name"] for r in rows if r["uniform"] == "True"}
    assert named >= {"fp16", "w8a8", "w4a4", "w2a2", "w1a1"}
    space = StudyFile.load(searched).search_space
    for row in rows:  # no mixture has the name of a row, no row is without its own
        assert row["name"] == space.rows.name(Assignment.from_json(row["assignment"], space.architecture)) or (
            row["name"].startswith("mixed-") and row["name"] not in named
        )
    as_json = json.loads(hubits("front", searched, "--json").stdout)
    assert [r["name"] for r in as_json] == [r["name"] for r in rows]

    size = sorted(r["storage_mb"] for r in as_json)[2]
    out = tmp_path / "picked"
    picked = json.loads(hubits("pick", searched, "--max-storage", str(size), "--export", out, "--json").stdout)
    assert (out / "model.safetensors").stat().st_size <= size * 1e6
    assert (out / "model.safetensors").stat().st_size == round(picked["storage_mb"] * 1e6)
    assert json.loads((out / "assignment.json").read_text()) == json.loads(picked["assignment"])

    from evaluators.data.load import load_corpus
    from evaluators.formats.packed import load_packed
    from evaluators.scoring import recognition_errors

    model, vocabulary, _ = load_packed(out)
    file = StudyFile.load(searched)
    assert recognition_errors(model, vocabulary, load_corpus(file.corpora.dev)).words.rate == pytest.approx(
        picked["wer"], abs=1e-3
    )

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
    assert "the nearest is " in one_line(hubits("pick", searched, "--max-storage", "0.0001"))
    assert checkpoint_path(StudyFile.load(searched), StudyFile.load(searched).uniform["w1a1"].digest).exists()
