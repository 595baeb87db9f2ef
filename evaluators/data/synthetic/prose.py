"""Sentences of a text that a voice can read and a CTC vocabulary can spell."""

import re
from pathlib import Path

from spaces.errors import UserError

_LEAST, _MOST = 3, 24  # words; what is longer is cut at its commas
_WORD = re.compile(r"[a-z]+('[a-z]+)?")


def sentences(path: Path) -> list[str]:
    """Lower-case sentences of letters and apostrophes, in the order of the text.

    Those that hold anything else (numbers, foreign letters) are left out, since nobody knows how they are spoken.

    Raises:
        UserError: if the file is no text or holds no sentence of 3 words.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a text in UTF-8 ({error})") from None
    text = text.replace("\u2019", "'").replace("\u2018", "'")
    pieces = re.split(r"[.!?;:]+[\"\u201d\s]|\u2014|--|\n\s*\n|[()\[\]]", text)
    found = [s for piece in pieces for part in _short(piece) if (s := _spelled(part))]
    if not found:
        raise UserError(f"{path}: holds no sentence of {_LEAST} words in plain letters")
    return found


def _short(piece: str) -> list[str]:
    return [piece] if len(piece.split()) <= _MOST else piece.split(",")


def _spelled(piece: str) -> str | None:
    words = re.sub(r"[-,.!?;:\"\u201c\u201d_*/]", " ", piece).lower().split()
    words = [stripped for word in words if (stripped := word.strip("'"))]
    whole = _LEAST <= len(words) <= _MOST and all(_WORD.fullmatch(w) for w in words)
    return " ".join(words) if whole else None
