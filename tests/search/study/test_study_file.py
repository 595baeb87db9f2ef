from pathlib import Path

import pytest

from search.study.study_file import StudyFile
from spaces import Assignment, Precision, UserError
from tests.conftest import TOML, write_study

SHIPPED = sorted(Path("studies").rglob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=str)
def test_every_shipped_study_loads(path: Path) -> None:
    study = StudyFile.load(path)
    assert study.search_space.variables
    assert set(study.uniform) == set(study.space.uniform)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trials = 3", "trails = 3", r"tiny\.toml: search\.trails: unknown key; did you mean 'trials'\?"),
        ("trials = 3", "trials = -1", r"search\.trials: Input should be greater than or equal to 0"),
        ("trials = 3", "trials = [", "not a TOML file"),
        ("steps = 1", "steps = 1\nlearning_rate = inf", "finetune.learning_rate: Input should be a finite number"),
        ('name = "tiny"', 'name = "../tiny"', "name: .*no path"),
        ('name = "tiny"', "", "name: missing"),
        (
            "weight_bits = [1, 2, 4, 8, 16]",
            "weight_bits = [1, 5]",
            r"space\.weight_bits: 5 bits do not exist; weights can",
        ),
        (
            "activation_bits = [1, 2, 4, 8, 16]",
            "activation_bits = [1, 1.58]",
            r"space\.activation_bits: 1\.58 bits do not exist; activations can have 1, 2, 3, 4, 8, 16",
        ),
        (
            "weight_bits = [1, 2, 4, 8, 16]\nactivation_bits = [1, 2, 4, 8, 16]",
            'precisions = ["w2"]',
            "space.precisions: 'w2' is no precision",
        ),
        ("weight_bits = [1, 2, 4, 8, 16]", "weight_bits = [1, 2]", "space.uniform: fp16 is not on the .* ladder"),
        ("[space]", '[space]\ngroups = ["head"]', "space.groups: 'head' does not exist"),
        ("[space]", '[space]\nuniform = ["w9a9"]', "space.uniform: w9a9: 9 bits do not exist"),
        ('folder = "model"', 'folder = "gone"', "gone.*config.json: neither a file"),
        ("[space]", '[space]\nuniform = ["w2a4+w4a8"]', r"w2a4\+w4a8: the space holds no layer outside the blocks"),
        ("[space]", '[space]\nleast_bits = {attention = "w4"}', "space.least_bits: attention: 'w4' is no precision"),
        (
            "trials = 3",
            'trials = 3\nsampler = "best"',
            "search.sampler: there is none of that name; choose from hubits",
        ),
        ("[corpora.test]", "[corpora.test_other]", "corpora: test_other is scored beside test, which is missing"),
        (
            'kind = "manifest"',
            'kind = "wav"',
            r"corpora\.train\.kind: there is no such kind; choose from manifest, librispeech",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write_study(tmp_path, TOML.replace(old, new, 1))
    with pytest.raises(UserError, match=message) as caught:
        StudyFile.load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_paths_are_relative_to_the_file(tiny: Path) -> None:
    study = StudyFile.load(tiny)
    assert study.corpora.train.path == tiny.parent / "speech.jsonl"
    assert study.folder == tiny.parent / "tiny.study"


def test_uniform_names(tiny: Path) -> None:
    study = StudyFile.load(tiny)
    assert study.search_space.rows.name(study.search_space.uniform(Precision.of(2, 2))) == "w2a2"
    assert study.search_space.rows.name(Assignment({})) == "fp16"
    assert study.search_space.rows.name(Assignment({"block0.attention.q_proj": Precision.of(2, 2)})) is None


def test_signature_tells_what_a_measurement_depends_on(tmp_path: Path) -> None:
    texts = {
        "same": TOML.replace("trials = 3", "trials = 9"),
        "steps": TOML.replace("steps = 1", "steps = 2"),
        "space": TOML.replace('"module"', '"block"'),
        "plain": TOML,
    }
    signatures = {name: StudyFile.load(write_study(tmp_path / name, text)).signature for name, text in texts.items()}
    assert signatures["same"] == signatures["plain"]
    assert len(set(signatures.values())) == 3
