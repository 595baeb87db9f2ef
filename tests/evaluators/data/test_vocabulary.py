"""Transcripts as token ids and back."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.data.vocabulary import Vocabulary
from spaces import UserError
from tests.evaluators.tiny import VOCABULARY


@pytest.mark.parametrize(
    ("text", "message"), [("", "empty"), ("room 12", "characters '1' '2' outside"), ("naïve", "character 'ï' outside")]
)
def test_transcripts_that_the_model_cannot_write(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        VOCABULARY.encode(text, "m.jsonl:3")


@given(st.text(alphabet="abcxyz ' ", min_size=1).filter(lambda t: t.strip()))
def test_greedy_decoding_inverts_encoding(text: str) -> None:
    ids = VOCABULARY.encode(text)
    path = [i for j in ids for i in (j, j, VOCABULARY.blank)]  # repeats merge, blanks separate
    assert VOCABULARY.decode(path) == " ".join(text.split())


def test_vocabulary_of_upper_case_letters_folds_to_its_own_case(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text(json.dumps({"<pad>": 0, "|": 1, "A": 2, "B": 3}))
    assert Vocabulary.load(tmp_path / "vocab.json").encode("ab A") == [2, 3, 1, 2]
