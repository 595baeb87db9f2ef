"""Human speech from a Debian package: texts and splits always, the files themselves where the package is installed."""

import re
from pathlib import Path

import pytest

from evaluators.data.asterisk import LIST, SOUNDS, main, prompts, split_of, spoken_text, write_manifests
from evaluators.data.manifest import read_manifest
from evaluators.data.vocabulary import POCKET_TOKENS, Vocabulary
from search.running.executors import InlineExecutor
from search.stages.run import search_study
from search.stages.stage import RunContext, Stop
from search.stages.training import train_float_model, train_supernet_model
from search.study.snapshot import measured_candidates
from search.study.study_file import StudyFile
from spaces import UserError

STUDY = Path("studies/asterisk/prompts.toml")
POCKET = Path("studies/pocket/model")
installed = pytest.mark.skipif(
    not (SOUNDS.exists() and LIST.exists()), reason="needs Debian's asterisk-core-sounds-en and -en-g722"
)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("Please enter your number, then pound...", "please enter your number then pound"),
        ("press 1, or 2 to reject it", "press one or two to reject it"),
        ("Call-Forward on Busy.", "call forward on busy"),
        ("I am sorry, that's not valid!", "i am sorry that's not valid"),
        ("[ascending tones]", None), ("<beep ascending>", None), ("dial 500", None), ("at [@]", None), ("PBX", None),
        ("...", None),
    ],
)  # fmt: skip
def test_texts_are_letters_of_the_vocabulary_or_left_out(said: str, text: str | None) -> None:
    assert spoken_text(said) == text
    if text is not None:
        Vocabulary(POCKET_TOKENS).encode(text)


def test_a_text_lies_in_one_corpus() -> None:
    splits = [split_of(f"text {i}") for i in range(2000)]
    assert splits == [split_of(f"text {i}") for i in range(2000)]
    assert 0.6 < splits.count("train") / 2000 < 0.8
    assert {"train", "dev", "test"} == set(splits)


def test_without_the_package_its_name_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="apt-get install asterisk-core-sounds-en "):
        list(prompts(tmp_path, tmp_path / "list.gz"))


def test_a_broken_list_and_a_folder_that_cannot_be_written_are_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.gz").write_bytes(b"no gzip")
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "out", tmp_path / "file" / "below"):
        monkeypatch.setattr("sys.argv", ["prompts", str(folder)])
        monkeypatch.setattr(write_manifests, "__defaults__", (tmp_path, tmp_path / "list.gz"))
        with pytest.raises(SystemExit) as done:
            main()
        assert done.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1


@installed
def test_from_the_package_to_the_front(tmp_path: Path) -> None:
    found = write_manifests(tmp_path / "speech")
    assert sum(count for count, _ in found.values()) > 400
    texts = {split: set(read_manifest(tmp_path / "speech" / f"{split}.jsonl").texts) for split in found}
    assert not texts["train"] & (texts["dev"] | texts["test"])
    text = STUDY.read_text().replace("../pocket/model", str(POCKET.resolve()))
    text = re.sub(r"(?m)^(path = .*)$", r"\1\nsize = 3", text)
    text = re.sub(r"(?m)^(steps|low_bit_steps|trials|workers) = \d+", r"\1 = 1", text)
    text = re.sub(r"(?m)^batch_seconds = .*", "batch_seconds = 5.0", text) + 'executor = "inline"\n'
    path = tmp_path / "prompts.toml"
    path.write_text(text)
    train_float_model(StudyFile.load(path), lambda *_: None)
    train_supernet_model(StudyFile.load(path), lambda *_: None)
    file = StudyFile.load(path)
    search_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    assert {"fp16", "w2a2", "w1a1"} < {m.name for m in measured_candidates(file)}
