"""The comparison of recipes: every row once, resumable, ours beside each."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluators.error_rate import ErrorCounts, Errors
from evaluators.errors import DivergedError
from evaluators.evaluator import Evaluator
from search.cli import app, main
from search.stages.recipes import compared
from search.study.recipe_rows import final_rows, row_path, trainings, trial_rows
from search.study.study_file import StudyFile
from spaces import Assignment
from tests.conftest import TOML, write_study

SECTION = '[recipes]\nnames = ["bit-la", "sqwq"]\nbits = [2]\nseeds = 2\nsteps = 1\n'


def test_every_row_is_trained_once_and_the_command_goes_on(tmp_path: Path) -> None:
    path = write_study(tmp_path, TOML + SECTION)
    file = StudyFile.load(path)
    assert trainings(file) == 2 * 2 * 2
    done = CliRunner().invoke(app, ["recipes", str(path), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [(f["recipe"], f["bits"], f["seeds"]) for f in found] == [("bit-la", 2, 2), ("sqwq", 2, 2)]
    assert [f["published"] for f in found] == [12.68, 12.56]
    rows = final_rows(file)
    assert len(rows) == len(set(rows)) == 2 * 2 * 2
    written = {row.name: row_path(file, row).stat().st_mtime_ns for row in rows}
    row_path(file, rows[0]).unlink()
    shown = CliRunner().invoke(app, ["recipes", str(path)])
    assert shown.exit_code == 0, shown.output
    assert "bit-la" in shown.stdout
    assert "12.68" in shown.stdout
    after = {row.name: row_path(file, row).stat().st_mtime_ns for row in rows}
    assert [n for n in written if after[n] != written[n]] == [rows[0].name]


def test_each_recipe_is_told_at_the_rate_that_did_best_on_the_development_speech(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_study(tmp_path, TOML + SECTION + "learning_rates = [1e-4, 1e-3, 1e-2]\n")
    best = {"bit-la": 1e-3, "sqwq": 1e-4, "hubits": 1e-2}

    def measure(self: Evaluator, assignment: Assignment, recipe: str, *_: object) -> list[Errors]:
        missed = 1 if self._settings.learning_rate == best[recipe] else 2
        return [Errors(ErrorCounts((n,), (4,)), ErrorCounts((n,), (4,))) for n in (missed, 4 - missed)]

    monkeypatch.setattr(Evaluator, "measure_recipe", measure)
    done = CliRunner().invoke(app, ["recipes", str(path), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [(f["recipe"], f["learning_rate"], f["our_rate"]) for f in found] == [
        ("bit-la", 1e-3, 1e-2), ("sqwq", 1e-4, 1e-2),
    ]  # fmt: skip
    assert {f["wer"] for f in found} == {75.0}  # of the test speech, which chose nothing
    written = list((StudyFile.load(path).home / "recipes").iterdir())
    assert len(written) == trainings(StudyFile.load(path)) == 4 * (3 + 1)


def test_means_and_ranges(tiny: Path) -> None:
    results = [
        {"config": "bit-l", "bits": 1, "recipe": recipe, "seed": seed, "learning_rate": 1e-3, "wer": wer,
         "errors": [wer / 2, wer / 2], "words": [50, 50]}
        for recipe, wers in (("bit-l", (50.0, 70.0, 99.0)), ("hubits", (40.0, 44.0)))
        for seed, wer in enumerate(wers)
    ]  # fmt: skip
    (row,) = compared(StudyFile.load(tiny), results)
    assert (row["wer"], row["wer_range"], row["ours"], row["ours_range"]) == (60.0, (50.0, 70.0), 42.0, (40.0, 44.0))
    assert row["gain"] == (18.0, 18.0, 18.0)  # of the two seeds that both have
    assert row["published"] == 12.23


def test_the_papers_own_model_has_the_papers_costs() -> None:
    results = [
        {"config": config, "bits": bits, "recipe": recipe, "seed": 0, "learning_rate": 1e-3, "wer": 1.0, "errors": [1],
         "words": [9]}
        for config in ("sqwq", "bit-l", "bit-la") for bits in (8, 1) for recipe in (config, "hubits")
    ]  # fmt: skip
    found = compared(StudyFile.load(Path("studies/paper-table1.toml")), results)
    assert [round(f["runtime"], 2) for f in found] == [1.00, 0.80, 1.00, 0.75, 0.63, 0.12]
    head = (768 * 256 + 256 - 768 * 32 - 32) * 2 / 1e6  # the paper's head has 256 outputs
    assert found[-1]["storage_mb"] + head == pytest.approx(25.227, abs=0.002)


def test_rows_that_fail_are_told_and_five_of_a_kind_stop_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_study(tmp_path, TOML + SECTION.replace("bits = [2]", "bits = [8, 4, 2, 1]"))
    tried = []

    def measure(self: Evaluator, assignment: Assignment, recipe: str, *_: object) -> list[Errors]:
        tried.append(recipe)
        if len(tried) == 2 or len(tried) > 4:
            raise DivergedError("the loss is nan at step 1")
        return [Errors(ErrorCounts((1,), (2,)), ErrorCounts((1,), (2,)))]

    monkeypatch.setattr(Evaluator, "measure_recipe", measure)
    monkeypatch.setattr("sys.argv", ["hubits", "recipes", str(path)])
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 2
    assert "5 trials in a row failed (diverged: the loss is nan at step 1)" in capsys.readouterr().err
    assert len(tried) == 4 + 5
    monkeypatch.setattr(
        Evaluator, "measure_recipe", lambda *_: [Errors(ErrorCounts((1,), (2,)), ErrorCounts((1,), (2,)))]
    )
    with pytest.raises(SystemExit) as done:
        main()
    assert not done.value.code


def test_one_row_that_fails_is_named_and_the_others_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_study(tmp_path, TOML + SECTION)

    def measure(self: Evaluator, assignment: Assignment, recipe: str, *_: object) -> list[Errors]:
        if recipe == "sqwq" and self._settings.seed == 1:
            raise DivergedError("the loss is nan at step 1")
        return [Errors(ErrorCounts((1,), (2,)), ErrorCounts((1,), (2,)))]

    monkeypatch.setattr(Evaluator, "measure_recipe", measure)
    monkeypatch.setattr("sys.argv", ["hubits", "recipes", str(path), "--json"])
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 1
    said = capsys.readouterr()
    assert "sqwq-2bit-sqwq-1-0.001: diverged: the loss is nan at step 1" in said.err
    assert [(f["recipe"], f["seeds"]) for f in json.loads(said.out)] == [("bit-la", 2), ("sqwq", 1)]


def test_a_torn_row_is_trained_again_and_a_supernet_is_not_needed(tmp_path: Path) -> None:
    path = write_study(tmp_path, TOML.replace('folder = "model"', 'folder = "model"\nsupernet = "none"') + SECTION)
    file = StudyFile.load(path)
    torn = row_path(file, trial_rows(file)[0])
    torn.parent.mkdir(parents=True)
    torn.write_text("{")
    done = CliRunner().invoke(app, ["recipes", str(path), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(torn.read_text())["bits"] == 2
