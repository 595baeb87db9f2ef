"""Whatever was exported, as a function from a wave to a text."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from evaluators.costs.layout import ONNX

Read = Callable[[np.ndarray], str]


def open_reader(folder: Path) -> Read:
    """Greedy transcription of 16 kHz mono waves by an exported folder.

    Raises:
        UserError: naming the file that is missing, broken or another member's.
    """
    if (folder / ONNX).exists():
        from evaluators.formats.onnx.session import OnnxReader

        return OnnxReader(folder).transcribe
    from evaluators.formats.packed import load_packed
    from evaluators.scoring import transcribe_wave

    model, vocabulary, _ = load_packed(folder)
    return lambda wave: transcribe_wave(model, vocabulary, wave)
