"""Sentences of a text."""

from pathlib import Path

import pytest

from evaluators.data.synthetic.prose import sentences
from spaces import UserError


def test_what_cannot_be_spelled_is_left_out(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(
        "Call me Ishmael. It was 1851, or so they say! He sailed\u2014nobody knows why\u2014in a well-known ship; "
        "\u201cDon\u2019t go,\u201d she said, \u2018not now\u2019. Caf\u00e9s were full of men. No more?",
        encoding="utf-8",
    )
    assert sentences(text) == [
        "call me ishmael", "nobody knows why", "in a well known ship", "don't go she said not now",
    ]  # fmt: skip


def test_a_long_sentence_is_cut_at_its_commas(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(", ".join(["one two three four five six seven"] * 4) + ".")
    assert sentences(text) == ["one two three four five six seven"] * 4


def test_a_text_without_a_sentence_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("1 2 3. 4!")
    with pytest.raises(UserError, match="holds no sentence of 3 words"):
        sentences(text)
    text.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read as a text"):
        sentences(text)
    with pytest.raises(UserError, match="cannot be read as a text"):
        sentences(tmp_path / "none.txt")
