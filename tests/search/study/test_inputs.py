"""Another model or other speech under the same paths, and a study file that is edited while it is searched."""

import hashlib
from pathlib import Path

import pytest
from transformers import HubertConfig

from evaluators.data.vocabulary import POCKET_TOKENS, Vocabulary
from evaluators.models.families import build
from evaluators.models.folder import save_model
from search.running.cache import study_evaluator
from search.running.executors import InlineExecutor
from search.stages.run import search_study
from search.stages.stage import RunContext, Stop
from search.study.inputs import inputs
from search.study.records import open_study
from search.study.snapshot import measured_candidates
from search.study.study_file import StudyFile
from spaces import UserError
from tests.command_line import hubits, one_line
from tests.conftest import TINY, TOML
from tests.simulation import Simulation


def _searched(path: Path, simulated: bool = True) -> StudyFile:
    file = StudyFile.load(path)
    executor = InlineExecutor(Simulation(path.parent / "log")) if simulated else InlineExecutor()
    search_study(file, RunContext(executor, lambda _: None, Stop()))
    return file


def _change(path: Path, what: str) -> None:
    if what == "model.folder":
        save_model(build(HubertConfig(**TINY), seed=2), Vocabulary(POCKET_TOKENS), path.parent / "model")
    elif what == "config.json":  # wider: it has layers of the same names
        config = HubertConfig(**{**TINY, "intermediate_size": 64})
        save_model(build(config, seed=1), Vocabulary(POCKET_TOKENS), path.parent / "model")
    else:
        speech = path.parent / "speech.jsonl"
        speech.write_text("".join(speech.read_text().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize("what", ["model.folder", "config.json", "corpora.train.path"])
def test_results_of_another_model_or_other_speech_are_refused(tiny: Path, what: str) -> None:
    file = _searched(tiny)
    _change(tiny, what)
    with pytest.raises(UserError, match=rf"holds results of another .*{what}.* than lies there now"):
        measured_candidates(file)
    with pytest.raises(UserError, match="holds results of another"):
        _searched(tiny)
    assert "holds results of another" in one_line(hubits("front", tiny, "--csv", tiny.parent / "front.csv"))


def test_a_study_of_before_its_inputs_were_noted_goes_on(tiny: Path) -> None:
    file = _searched(tiny)
    study = open_study(file, create=False)
    study.set_user_attr("hubits:inputs", {})
    assert len(measured_candidates(file)) == 8
    _searched(tiny)
    assert open_study(file, create=False).user_attrs["hubits:inputs"] == inputs(file)


def test_a_model_that_was_put_away_can_still_be_looked_at(tiny: Path) -> None:
    file = _searched(tiny)
    (tiny.parent / "model" / "model.safetensors").unlink()
    assert len(measured_candidates(file)) == 8


def test_what_did_not_change_is_not_read_again(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _searched(tiny)
    before = inputs(file)

    def read(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(hashlib, "file_digest", read)
    assert inputs(file) == before
    (tiny.parent / "speech.jsonl").touch()
    with pytest.raises(AssertionError, match="read again"):
        inputs(file)


def test_a_study_file_that_is_edited_while_it_is_searched_changes_nothing(tiny: Path) -> None:
    file = StudyFile.load(tiny)

    def edit(_: object) -> None:  # a worker that is replaced loads everything anew
        tiny.write_text(TOML.replace("steps = 1", "steps = 3"))
        study_evaluator.cache_clear()

    search_study(file, RunContext(InlineExecutor(), edit, Stop()))
    trials = open_study(file, create=False).trials
    assert {t.user_attrs["result"]["steps"] for t in trials} == {0, 1}  # fp16 has nothing to finetune


def test_workers_never_see_where_the_records_lie(tiny: Path) -> None:
    tiny.write_text(TOML + 'storage = "postgresql+psycopg://me:secret@server/studies"\n')
    shipped = StudyFile.load(tiny).shipped
    assert "secret" not in shipped
    assert StudyFile.arrived(shipped).search.storage is None
    assert StudyFile.arrived(shipped).signature == StudyFile.load(tiny).signature
