"""A measured candidate, and where its files lie."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.study_file import StudyFile
from spaces import Assignment


@dataclass(frozen=True)
class Member:
    """A measured candidate.

    Attributes:
        name: its precision where it is uniform, else ``mixed-`` and the assignment's digest.
        number: its Optuna trial.
        wer: pooled WER on the development corpus in percent, with its 95 % bootstrap interval.
        storage_mb: bytes of its packed file / 10^6.
        runtime: estimated, relative to fp16, under the study's runtime model.
        errors: word errors of every development utterance, for paired comparisons; ``words`` counts its words.
        test: the same on the test corpus, once the front was scored there; under ``other`` that on a second one.
    """

    name: str
    number: int
    wer: float
    wer_low: float
    wer_high: float
    storage_mb: float
    runtime: float
    mean_bits: float
    uniform: bool
    assignment: Assignment
    errors: tuple[int, ...]
    words: tuple[int, ...]
    seconds: float
    test: dict[str, Any] | None = field(compare=False)

    @property
    def costs(self) -> tuple[float, float, float]:
        """The three objectives, all smaller is better."""
        return self.wer, self.storage_mb, self.runtime


def result_path(file: StudyFile, number: int) -> Path:
    """The file that a worker writes a trial's result to, atomically, before it returns it."""
    return file.folder / "results" / f"{number:05d}.json"


def checkpoint_path(file: StudyFile, digest: str) -> Path:
    """The packed checkpoint that was scored for the assignment of a digest."""
    return file.folder / "checkpoints" / f"{digest}.safetensors"
