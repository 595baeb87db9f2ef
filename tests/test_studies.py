"""The study files for real models: each loads, fits a model of the true size, and runs on a small one."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from transformers import HubertConfig, HubertForCTC, HubertModel
from typer.testing import CliRunner

from evaluators.data.load import load_corpus
from evaluators.data.vocabulary import LIBRISPEECH_TOKENS, Vocabulary
from evaluators.formats.packed import load_packed
from evaluators.models.imports import import_checkpoint
from evaluators.quantization.insert import insert_quantizers, ladder_assignments, set_precisions
from evaluators.scoring import recognition_errors
from evaluators.settings import FloatSettings
from search.cli import app
from search.front.export import export_candidate
from search.running.executors import InlineExecutor
from search.stages.check import check_study
from search.stages.recipes import compare_recipes
from search.stages.run import search_study
from search.stages.stage import RunContext, Stop
from search.stages.training import train_float_model, train_supernet_model
from search.study.recipe_rows import final_rows, trial_rows
from search.study.sections import ModelSettings
from search.study.snapshot import measured_candidates
from search.study.study_file import StudyFile
from spaces import FP16, ctc_config
from spaces.precision import bit_format
from tests.conftest import TINY

STUDIES = Path("studies")
REAL = sorted(p.name for p in STUDIES.glob("*.toml") if "architecture = " in p.read_text())  # published models
SMALL = HubertConfig(**{**TINY, "vocab_size": len(LIBRISPEECH_TOKENS), "feat_extract_norm": "group"})
_FEWER = {
    "steps": "1", "low_bit_steps": "0", "batch_seconds": "3.0", "accumulation": "1", "save_every": "1", "trials": "1",
    "proxies": "0", "workers": "1", "cpus_per_trial": "1", "gpus_per_trial": "0.0", "seeds": "1",
    "width": "8",
}  # fmt: skip


def write_librispeech(
    root: Path, splits: tuple[str, ...] = ("train-clean-100", "dev-clean", "test-clean", "test-other")
) -> None:
    """LibriSpeech's layout with two short made-up utterances a split."""
    rng = np.random.default_rng(0)
    for split in ("train-clean-100", "dev-clean", "test-clean", "test-other"):
        folder = root / "LibriSpeech" / split / "19" / "198"
        folder.mkdir(parents=True)
        for i in range(2):
            soundfile.write(folder / f"19-198-{i:04d}.flac", 0.1 * rng.standard_normal(20_000 + 4_000 * i), 16_000)
        (folder / "19-198.trans.txt").write_text("19-198-0000 A SEA\n19-198-0001 THE BEE'S TEA\n")


def small_copy(name: str, folder: Path) -> Path:
    """A study file with its sizes brought down; all else as it ships."""
    text = (STUDIES / name).read_text()
    for key, value in _FEWER.items():
        text = re.sub(rf"(?m)^{key} = \S+", f"{key} = {value}", text)
    text = re.sub(r"(?m)^learning_rates = \[.*?\]", "learning_rates = [1e-4]", text)
    path = folder / name
    path.write_text(text + 'executor = "inline"\n')
    return path


@pytest.mark.parametrize("name", REAL)
def test_a_study_file_fits_a_model_of_the_true_size(name: str) -> None:
    file = StudyFile.load(STUDIES / name)
    assert file.model.architecture is not None
    with torch.device("meta"):
        model = HubertForCTC(HubertConfig(**ctc_config(file.model.architecture)))
        assert sum(p.numel() for p in model.parameters()) == file.architecture.parameters
        layers = file.search_space.layers
        insert_quantizers(model, layers, ladder_assignments(layers, [bit_format(2)]))
        for assignment in file.uniform.values():
            set_precisions(model, layers, assignment)
    assert file.search_space.decode(dict.fromkeys(file.search_space.variables, 0)) != FP16


@pytest.mark.parametrize("name", REAL)
def test_every_key_has_a_comment_and_check_says_what_is_missing(name: str) -> None:
    first: dict[str, str] = {}
    for line in (STUDIES / name).read_text().splitlines():
        if re.match(r"\w+ = ", line):
            first.setdefault(line.split(" = ")[0], line)
    assert len(first) > 15
    assert [key for key, line in first.items() if " # " not in line] == []
    found = check_study(StudyFile.load(STUDIES / name))
    assert any("model.safetensors: not found; hubits import" in line for line in found.missing)


def test_hubert_base_from_the_pretrained_model_to_the_front(tmp_path: Path) -> None:
    path = small_copy("hubert-base-librispeech.toml", tmp_path)
    write_librispeech(tmp_path / "data")
    HubertModel(SMALL).save_pretrained(tmp_path / "downloaded")
    assert not import_checkpoint(str(tmp_path / "downloaded"), tmp_path / "models" / "hubert-base-pretrained")
    file = StudyFile.load(path)
    train_float_model(file, lambda *_: None)
    wers = train_supernet_model(StudyFile.load(path), lambda *_: None)
    assert set(wers) == {"w8a8", "w4a4", "w2a2", "w1a1"}
    file = StudyFile.load(path)
    assert check_study(file).missing == []
    search_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    members = {m.name: m for m in measured_candidates(file)}
    assert set(file.uniform) < set(members)
    tested = [m for m in members.values() if m.test is not None]
    assert tested
    assert all(m.test is not None and len(m.test["other"]["errors"]) == 2 for m in tested)
    front_end = {m.assignment["front_end.conv1"] for m in members.values()}
    assert members["w2a2"].assignment["front_end.conv1"] == FP16
    assert min(min(p.weight.bits, p.activation.bits) for p in front_end) >= 4
    shown = CliRunner().invoke(app, ["front", str(path)])
    assert " / " in shown.stdout


def test_hubert_large_from_a_published_ctc_model(tmp_path: Path) -> None:
    path = small_copy("hubert-large-librispeech.toml", tmp_path)
    write_librispeech(tmp_path / "data")
    HubertForCTC(SMALL).save_pretrained(tmp_path / "downloaded")
    Vocabulary(LIBRISPEECH_TOKENS).save(tmp_path / "downloaded" / "vocab.json")
    assert import_checkpoint(str(tmp_path / "downloaded"), tmp_path / "models" / "hubert-large")
    train_supernet_model(StudyFile.load(path), lambda *_: None)
    file = StudyFile.load(path)
    search_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    assert len(measured_candidates(file)) == len(file.uniform) + 1


def test_superbs_head_on_the_frozen_model(tmp_path: Path) -> None:
    path = small_copy("hubert-base-superb.toml", tmp_path)
    write_librispeech(tmp_path / "data")
    HubertModel(SMALL).save_pretrained(tmp_path / "downloaded")
    import_checkpoint(str(tmp_path / "downloaded"), tmp_path / "models" / "hubert-base-pretrained")
    train_supernet_model(StudyFile.load(path), lambda *_: None)
    file = StudyFile.load(path)
    search_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    members = {m.name: m for m in measured_candidates(file)}
    assert set(file.uniform) < set(members)
    assert members["w2a2"].test is not None
    picked = CliRunner().invoke(app, ["pick", str(path), "--knee", "--export", str(tmp_path / "picked")])
    assert picked.exit_code == 0, picked.output
    assert (tmp_path / "picked" / "model.head.safetensors").exists()
    heads = {p.name.removesuffix(".head.safetensors") for p in file.folder.rglob("*.head.safetensors")}
    assert heads == {p.stem for p in file.folder.rglob("checkpoints/*.safetensors") if ".head" not in p.name}
    wave = next((tmp_path / "data").rglob("*.flac"))
    heard = CliRunner().invoke(app, ["transcribe", str(tmp_path / "picked"), str(wave)])
    assert heard.exit_code == 0, heard.output
    with torch.inference_mode():  # what is saved is what was scored
        model, vocabulary, assignment = load_packed(tmp_path / "picked")
        (member,) = (m for m in members.values() if m.assignment == assignment)
        assert recognition_errors(model, vocabulary, load_corpus(file.corpora.dev)).words.errors == member.errors
    export_candidate(file.model_copy(update={"superb": None}), member, tmp_path / "picked")  # of an ordinary study
    assert not (tmp_path / "picked" / "model.head.safetensors").exists()
    plain = path.with_name("plain.toml")
    plain.write_text(path.read_text().replace("width = 8", "width = 9"))
    assert StudyFile.load(plain).signature != file.signature


def test_every_row_of_table_1_can_be_trained(tmp_path: Path) -> None:
    path = small_copy("paper-table1.toml", tmp_path)
    write_librispeech(tmp_path / "data")
    HubertForCTC(SMALL).save_pretrained(tmp_path / "downloaded")
    Vocabulary(LIBRISPEECH_TOKENS).save(tmp_path / "downloaded" / "vocab.json")
    import_checkpoint(str(tmp_path / "downloaded"), tmp_path / "models" / "hubert-base-fastconv")
    file = StudyFile.load(path)
    assert {(r.recipe, r.bits) for r in trial_rows(file)} >= {
        (m, b) for m in ("sqwq", "bit-l", "bit-la") for b in (8, 4, 2, 1)
    }
    results, failed = compare_recipes(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    assert not failed
    assert len(results) == len(final_rows(file)) == 24


def test_a_rehearsal_needs_no_checkpoint(tmp_path: Path) -> None:
    path = small_copy("hubert-large-librispeech.toml", tmp_path)
    (tmp_path / "models" / "hubert-large").mkdir(parents=True)
    SMALL.save_pretrained(tmp_path / "models" / "hubert-large")
    found = check_study(StudyFile.load(path), rehearsing=True)
    assert found.rehearsal is not None
    assert found.rehearsal.step_seconds > 0
    assert found.rehearsal.memory_gb > 0
    assert found.device_hours == pytest.approx(6 * found.rehearsal.step_seconds / 3600)
    assert "rehearsed on" in found.text()
    assert found.memory is not None
    assert f"{found.memory.fits(40)} s on 40 GB" in found.text()


def test_a_rehearsal_of_superbs_protocol_counts_the_heads(tmp_path: Path) -> None:
    file = StudyFile.load(small_copy("hubert-base-superb.toml", tmp_path))  # nothing is there yet, a start is named
    (tmp_path / "start").mkdir()
    SMALL.save_pretrained(tmp_path / "start")
    assert file.superb is not None
    training = FloatSettings(steps=1, learning_rate=1e-3, start=tmp_path / "start")
    file = file.model_copy(
        update={"float_training": training, "model": ModelSettings(folder=tmp_path / "none", architecture=None)}
    )
    steps_told: list[tuple[int, int]] = []
    found = check_study(file, rehearsing=True, on_step=lambda step, steps, _: steps_told.append((step, steps)))
    assert steps_told == [(i, 6) for i in range(1, 7)]
    tried = found.rehearsal
    assert tried is not None
    assert tried.head_seconds is not None
    candidates = file.search.trials + len(file.uniform)
    steps = file.finetune.steps + file.finetune.low_bit_steps
    each = steps * tried.step_seconds + file.superb.steps * tried.head_seconds
    assert found.device_hours == pytest.approx(candidates * each / 3600)
