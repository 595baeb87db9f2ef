"""Errors that name something unknown say what was probably meant."""

from pathlib import Path

import pytest

from search.study.study_file import StudyFile
from spaces import Assignment, SearchSpace, UserError, named_architecture
from spaces.names import nearest
from tests.conftest import TOML, write_study

ARCHITECTURE = named_architecture("hubert-base")


def test_only_what_is_near_is_suggested() -> None:
    assert nearest("xyz", ["attention"]) == ""


@pytest.mark.parametrize(
    ("changed", "meant"),
    [
        (('"module"', '"modul"'), "module"),
        (('executor = "inline"', 'executor = "inline"\nsampler = "hubit"'), "hubits"),
        (('executor = "inline"', 'executor = "inline"\nruntime = "bitop"'), "bitops"),
        (('kind = "manifest"', 'kind = "manifes"'), "manifest"),
        (("trials = 3", "trails = 3"), "trials"),
    ],
)
def test_a_study_file_is_told_what_was_meant(tmp_path: Path, changed: tuple[str, str], meant: str) -> None:
    path = write_study(tmp_path, TOML.replace(*changed))
    with pytest.raises(UserError, match=f"did you mean '{meant}'"):
        StudyFile.load(path)


def test_a_study_beside_it_is_named(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    with pytest.raises(UserError, match=r"no such study file; did you mean '.*/tiny\.toml'"):
        StudyFile.load(path.with_name("tinny.toml"))


def test_layers_groups_and_models_are_told_too() -> None:
    with pytest.raises(UserError, match=r"did you mean 'block0\.attention\.q_proj'"):
        Assignment.from_json('{"block0.attention.qproj": "w1a1"}', ARCHITECTURE)
    with pytest.raises(UserError, match="did you mean 'attention'"):
        SearchSpace(ARCHITECTURE, precisions=["w1a1"], groups=["atention"])
    with pytest.raises(UserError, match="did you mean 'hubert-large'"):
        named_architecture("hubert-lrge")
