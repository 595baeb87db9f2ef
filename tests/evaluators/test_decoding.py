"""Greedy transcripts, and a beam over a list of words."""

from pathlib import Path

import pytest
import torch

from evaluators.data.vocabulary import LIBRISPEECH_TOKENS, POCKET_TOKENS, Vocabulary
from evaluators.decoding import beam_search, greedy, read_words
from spaces import UserError

VOCABULARY = Vocabulary(POCKET_TOKENS)


def _logits(heard: str, vocabulary: Vocabulary = VOCABULARY) -> torch.Tensor:
    """Logits of a model that is sure of each character: two frames each, a blank between."""
    path = [i for token in vocabulary.encode(heard) for i in (token, token, vocabulary.blank)]
    return 6.0 * torch.nn.functional.one_hot(torch.tensor(path), len(vocabulary)).float()


def test_both_read_what_is_clear(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("sea\nbee\nsees\na\n")
    heard = _logits("a bee sees sea")
    assert greedy(VOCABULARY)(heard) == beam_search(VOCABULARY, words)(heard) == "a bee sees sea"


def test_a_beam_hears_words_of_the_list_alone(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("sea\nbee\n")
    heard = _logits("a ser")
    heard[-3:-1, VOCABULARY.encode("a")[0]] = 5.0  # nearly as likely
    words.write_text("a\nsea\n")
    assert greedy(VOCABULARY)(heard) == "a ser"
    assert beam_search(VOCABULARY, words)(heard) == "a sea"


def test_words_are_folded_to_the_vocabularys_case(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("Sea\nsea\n\nbee's\n")
    upper = Vocabulary(LIBRISPEECH_TOKENS)
    assert read_words(words, upper) == ["SEA", "BEE'S"]
    assert beam_search(upper, words)(_logits("SEA BEE'S", upper)) == "SEA BEE'S"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("sea\nsea bee\n", "words.txt:2: more than one word"), ("sea\n\nc3\n", "words.txt:3: character '3'"),
     ("\n", "holds no words")],
)  # fmt: skip
def test_a_wrong_line_is_named(text: str, wrong: str, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text(text)
    with pytest.raises(UserError, match=wrong):
        beam_search(VOCABULARY, words)
