"""Reading speech with an exported ONNX folder, in onnxruntime alone."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluators.costs.layout import ASSIGNMENT, ONNX, VOCABULARY
from evaluators.data.audio import normalise
from evaluators.data.vocabulary import Vocabulary
from evaluators.error_rate import Errors, count_errors
from evaluators.formats.onnx.metadata import MEMBER
from spaces.errors import UserError


class OnnxReader:
    """An exported model under onnxruntime.

    Args:
        threads: of the runtime; 0 means as many as the machine has cores.

    Raises:
        UserError: naming the file that is missing, broken, or another member's.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self.vocabulary = Vocabulary.load(folder / VOCABULARY)
        self._session = session(folder / ONNX, threads)
        self._check(folder)

    def _check(self, folder: Path) -> None:
        path, found = folder / ONNX, self._session.get_modelmeta().custom_metadata_map.get(MEMBER)
        if found is None:
            raise UserError(
                f"{path}: was not exported by hubits; make one with `hubits export STUDY.toml --format onnx`"
            )
        try:
            own = json.loads((folder / ASSIGNMENT).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{folder / ASSIGNMENT}: cannot be read ({str(error).splitlines()[0]})") from None
        if json.dumps(own) != found:
            raise UserError(f"{path}: is of another member than {folder / ASSIGNMENT}; export the member again")
        size = self._session.get_outputs()[0].shape[-1]
        if size != len(self.vocabulary):
            raise UserError(
                f"{folder / VOCABULARY}: has {len(self.vocabulary)} tokens, {path} gives {size}; export it again"
            )

    def logits(self, waves: np.ndarray) -> np.ndarray:
        """Float32 logits (batch, frames, vocabulary) of normalised samples (batch, samples)."""
        found: np.ndarray = self._session.run(None, {"x": waves})[0]
        return found

    def transcribe(self, wave: np.ndarray) -> str:
        """Greedy transcript of one 16 kHz mono wave."""
        return self.vocabulary.decode(self.logits(normalise(wave)[None])[0].argmax(-1).tolist())

    def errors(
        self,
        texts: Sequence[str],
        wave_at: Callable[[int], np.ndarray],
        progress: Callable[[int], None] = lambda _: None,
    ) -> Errors:
        """Errors of greedy transcripts, each utterance alone.

        Args:
            wave_at: the wave of an utterance by its index.
            progress: called with the number of utterances that are done.
        """
        found = []
        for i in range(len(texts)):
            found.append(self.transcribe(wave_at(i)))
            progress(i + 1)
        return count_errors([self.vocabulary.normalise(text) for text in texts], found)


def session(path: Path, threads: int = 0) -> Any:
    """An onnxruntime session on the CPU, silent but for errors.

    Raises:
        UserError: if onnxruntime is not installed, or the file is missing or broken.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UserError("onnxruntime is not installed; `pip install 'hubits[onnx]'` brings it") from None
    if not path.is_file():
        raise UserError(f"{path}: not found; make one with `hubits export STUDY.toml --format onnx`")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own kinds have no common base
        raise UserError(f"{path}: cannot be loaded ({' '.join(str(error).split())[:200]}); export it again") from None
