"""From logits to a text: greedy, or a beam search over the words of a list.

Greedy is the measure of every search: it has nothing to choose and nothing to learn. A beam over a word list is what
people would run (torchaudio's lexicon decoder over flashlight-text; Kahn et al., "Flashlight", ICML 2022).
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile

import torch
from torch import Tensor

from evaluators.data.vocabulary import BLANK, BOUNDARY, Vocabulary
from spaces.errors import UserError

BEAM = 50
Decode = Callable[[Tensor], str]


def greedy(vocabulary: Vocabulary) -> Decode:
    """The text of the best path through logits (frames, vocabulary)."""
    return lambda logits: vocabulary.decode(logits.argmax(-1).tolist())


def read_words(path: Path, vocabulary: Vocabulary) -> list[str]:
    """Distinct words of a list, one a line, in the vocabulary's case.

    Raises:
        UserError: naming the line of a word that the vocabulary cannot spell.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a list of words ({error})") from None
    words: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        if len(line.split()) > 1:
            raise UserError(f"{path}:{number}: more than one word; put each in a line of its own")
        if line.strip():
            vocabulary.encode(line, f"{path}:{number}")
            words[vocabulary.normalise(line)] = None
    if not words:
        raise UserError(f"{path}: holds no words")
    return list(words)


def beam_search(vocabulary: Vocabulary, words: Path, width: int = BEAM) -> Decode:
    """The best sequence of words of a list, by the CTC probability of its best path, for logits (frames, vocabulary).

    Args:
        words: a file with a word a line; nothing else is ever heard.
        width: hypotheses that are kept after each frame.

    Raises:
        UserError: as ``read_words``, or if flashlight-text is not installed.
    """
    known = read_words(words, vocabulary)
    try:
        from torchaudio.models.decoder import ctc_decoder

        with NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as lexicon:
            lexicon.writelines(f"{word} {' '.join(word)} {BOUNDARY}\n" for word in known)
            lexicon.flush()
            search = ctc_decoder(
                lexicon.name, list(vocabulary.tokens), nbest=1, beam_size=width, blank_token=BLANK, sil_token=BOUNDARY
            )
    except (ImportError, RuntimeError) as error:
        if "flashlight" not in str(error):
            raise
        raise UserError("a beam search needs flashlight-text; `pip install 'hubits[beam]'`") from None

    def decode(logits: Tensor) -> str:
        found = search(logits.float().log_softmax(-1)[None].cpu().contiguous())[0]
        return " ".join(found[0].words) if found else ""

    return torch.inference_mode()(decode)
