"""A study that searches CER: objectives, budgets and tables go by characters, words are recorded beside them."""

import json
from pathlib import Path

import pytest

from search.front.pick import Budget, pick
from search.running.executors import InlineExecutor
from search.stages.run import search_study
from search.stages.stage import RunContext, Stop
from search.study.snapshot import measured_candidates
from search.study.study_file import StudyFile
from search.views.page.data import build_page
from search.views.table import rows
from spaces import UserError
from tests.command_line import hubits, one_line
from tests.conftest import TOML, write_study


def test_a_study_of_cer_from_the_file_to_the_pick(tmp_path: Path) -> None:
    path = write_study(tmp_path, TOML.replace("trials = 3", 'trials = 1\nerror = "cer"'))
    file = StudyFile.load(path)
    found = search_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    for one in found:
        result = json.loads((file.folder / "results" / f"{one.assignment.digest}.json").read_text())
        assert (one.error, one.beside) == (result["cer"], result["wer"])
        assert one.errors == tuple(result["character_errors"])
        assert one.counts.rate == pytest.approx(one.error)
    assert measured_candidates(file) == found
    tested = next(m for m in found if m.on_test)
    assert tested.on_test is not None
    assert tested.on_test.percent == pytest.approx(tested.error)  # the tiny study's test corpus is its development one
    shown = rows(found, everyone=True)[0]
    assert {"cer", "cer_low", "cer_high", "wer", "test_cer", "test_wer"} <= set(shown)
    assert "wer_low" not in shown
    page = build_page(file, found)
    assert page["measure"] == {"key": "cer", "title": "CER"}
    assert "front of CER, storage" in page["summary"]
    assert "CER %" in hubits("front", path).stdout
    most = max(m.error for m in found)
    assert pick(found, Budget(max_cer=most)).candidate.storage_mb == min(m.storage_mb for m in found)
    assert "the study searches CER; give max-cer" in one_line(hubits("pick", path, "--max-wer", "90"))


def test_a_limit_of_the_other_rate_is_refused(tmp_path: Path) -> None:
    path = write_study(tmp_path, TOML + 'error = "cer"\nmax_wer = 20.0\n')
    with pytest.raises(UserError, match="max_wer is given, but error is cer"):
        StudyFile.load(path)
    with pytest.raises(UserError, match="a study searches one of the two"):
        Budget(max_wer=1.0, max_cer=1.0)


def test_a_study_of_one_rate_is_no_study_of_the_other(tmp_path: Path) -> None:
    words = StudyFile.load(write_study(tmp_path / "a"))
    characters = StudyFile.load(write_study(tmp_path / "b", TOML + 'error = "cer"\n'))
    assert words.signature != characters.signature


def test_the_front_is_scored_by_a_beam_beside(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a\nbee\nsees\nsea\n")
    path = write_study(tmp_path, TOML.replace("trials = 3", "trials = 1"))
    found = search_study(StudyFile.load(path), RunContext(InlineExecutor(), lambda _: None, Stop()))
    assert not any(m.by_beam for m in found)
    with path.open("a") as stream:
        stream.write('[decoding]\nwords = "words.txt"\nbeam = 20\n')
    found = search_study(StudyFile.load(path), RunContext(InlineExecutor(), lambda _: None, Stop()))  # asked for later
    tested = [m for m in found if m.on_test]
    assert tested
    assert all(m.by_beam for m in tested)
    assert rows(found, everyone=True)[0]["test_beam_wer"] is not None
    assert "by beam %" in hubits("front", path).stdout
    exported = tmp_path / "exported"
    assert hubits("export", path, exported, "--member", "w8a8").returncode == 0
    wave = tmp_path / "0.wav"
    text = hubits("transcribe", exported, wave, "--words", tmp_path / "words.txt").stdout.partition(": ")[2]
    assert set(text.split()) <= {"a", "bee", "sees", "sea"}
    (tmp_path / "words.txt").write_text("c3\n")
    assert "words.txt:1" in one_line(hubits("transcribe", exported, wave, "--words", tmp_path / "words.txt"))
