"""Whatever was exported, as a function from a wave to a text."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluators.costs.layout import ONNX
from evaluators.data.audio import normalise

if TYPE_CHECKING:
    from evaluators.formats.onnx.session import OnnxReader

Read = Callable[[np.ndarray], str]


def open_reader(folder: Path, words: Path | None = None) -> Read:
    """Transcription of 16 kHz mono waves by an exported folder: greedy, or by a beam search over a list of words.

    Raises:
        UserError: naming the file that is missing, broken or another member's, or the line of a word that is wrong.
    """
    if (folder / ONNX).exists():
        from evaluators.formats.onnx.session import OnnxReader

        reader = OnnxReader(folder)
        return reader.transcribe if words is None else _searched(reader, words)
    from evaluators.decoding import beam_search, greedy
    from evaluators.formats.packed import load_packed
    from evaluators.scoring import transcribe_wave

    model, vocabulary, _ = load_packed(folder)
    decode = greedy(vocabulary) if words is None else beam_search(vocabulary, words)
    return lambda wave: transcribe_wave(model, wave, decode)


def _searched(reader: "OnnxReader", words: Path) -> Read:
    import torch

    from evaluators.decoding import beam_search

    decode = beam_search(reader.vocabulary, words)
    return lambda wave: decode(torch.from_numpy(reader.logits(normalise(wave)[None])[0]))
