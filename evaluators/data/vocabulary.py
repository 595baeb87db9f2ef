"""Characters and token ids of a CTC model: normalising transcripts, encoding, greedy decoding."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from spaces.errors import UserError

BLANK = "<pad>"
BOUNDARY = "|"
LIBRISPEECH_TOKENS = (BLANK, "<s>", "</s>", "<unk>", BOUNDARY, *"ETAONIHSRDLUMWCFGYPBVK'XJQZ")
POCKET_TOKENS = (BLANK, BOUNDARY, *"abcdefghijklmnopqrstuvwxyz", "'")


class Vocabulary:
    """The output characters of a CTC model; index 0..n-1 is the token id.

    Follows the layout of the ``vocab.json`` of wav2vec 2.0 and HuBERT checkpoints: ``<pad>`` is the CTC blank and ``|``
    stands for the space between words.

    Raises:
        UserError: if the blank or the word boundary is missing.
    """

    def __init__(self, tokens: Sequence[str], source: str = "vocabulary") -> None:
        self.tokens = tuple(tokens)
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        for needed in (BLANK, BOUNDARY):
            if needed not in self._ids:
                raise UserError(f"{source}: has no {needed!r} token; a CTC vocabulary needs {BLANK!r} and {BOUNDARY!r}")
        self.blank = self._ids[BLANK]
        letters = {t for t in self.tokens if len(t) == 1 and t.isalpha()}
        self._upper = bool(letters) and all(t.isupper() for t in letters)

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read ``vocab.json`` (token -> id)."""
        try:
            ids = json.loads(path.read_text(encoding="utf-8"))
            ordered = sorted(ids, key=ids.__getitem__)
            contiguous = [ids[t] for t in ordered] == list(range(len(ids)))
        except FileNotFoundError:
            raise UserError(f"{path}: not found; a CTC model needs its vocab.json") from None
        except (ValueError, TypeError, AttributeError, OSError, RecursionError) as error:
            raise UserError(f"{path}: not a vocabulary (a JSON object of token: id): {error}") from None
        if not contiguous:
            raise UserError(f"{path}: token ids must be 0..{len(ids) - 1} without gaps")
        return cls(ordered, str(path))

    def save(self, path: Path) -> None:
        """Write ``vocab.json``."""
        path.write_text(json.dumps({t: i for i, t in enumerate(self.tokens)}, ensure_ascii=False) + "\n", "utf-8")

    def __len__(self) -> int:
        return len(self.tokens)

    def normalise(self, text: str) -> str:
        """Collapse white space and fold the case to the vocabulary's own."""
        text = " ".join(text.split())
        return text.upper() if self._upper else text.lower()

    def encode(self, text: str, where: str = "transcript") -> list[int]:
        """Token ids of a transcript.

        Raises:
            UserError: if it is empty or holds characters that the vocabulary lacks; ``where`` names it.
        """
        text = self.normalise(text)
        if not text:
            raise UserError(f"{where}: the transcript is empty; give it a text or leave the utterance out")
        unknown = sorted({c for c in text if c != " " and c not in self._ids})
        if unknown:
            raise UserError(
                f"{where}: character{'s' * (len(unknown) > 1)} {' '.join(map(repr, unknown))} outside the model's "
                "vocabulary; spell numbers out and take punctuation away"
            )
        return [self._ids[BOUNDARY if c == " " else c] for c in text]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of one greedy CTC path: repeats merged, blanks and special tokens dropped."""
        characters: list[str] = []
        previous = -1
        for i in ids:
            if i != previous and i != self.blank:
                token = self.tokens[i]
                characters.append(" " if token == BOUNDARY else token if len(token) == 1 else "")
            previous = i
        return " ".join("".join(characters).split())
