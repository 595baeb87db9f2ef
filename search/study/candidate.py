"""A measured candidate."""

from dataclasses import dataclass, field
from typing import Any

from search.study.study_file import StudyFile
from spaces import Assignment


@dataclass(frozen=True)
class Candidate:
    """A measured candidate.

    Attributes:
        name: of its row where it is one, else ``mixed-`` and the assignment's digest.
        number: its Optuna trial.
        wer: pooled WER on the development corpus in percent, with its 95 % bootstrap interval.
        loss: CTC of the references a character plus KL divergence from the float model a frame, on the same corpus.
        storage_mb: bytes of its packed file / 10^6.
        runtime: estimated, relative to fp16, under the study's runtime model.
        uniform: whether it is a row that anybody could write by hand.
        baseline: whether it is one of the study's own rows, which are measured first and fix the reference point.
        errors: word errors of every development utterance, for paired comparisons; ``words`` counts its words.
        test: the same on the test corpus, once the front was scored there; under ``other`` that on a second one.
    """

    name: str
    number: int
    wer: float
    wer_low: float
    wer_high: float
    loss: float
    storage_mb: float
    runtime: float
    mean_bits: float
    uniform: bool
    baseline: bool
    assignment: Assignment
    errors: tuple[int, ...]
    words: tuple[int, ...]
    seconds: float
    test: dict[str, Any] | None = field(compare=False)

    @property
    def objectives(self) -> tuple[float, float, float]:
        """The three objectives, all smaller is better."""
        return self.wer, self.storage_mb, self.runtime


def row_name(file: StudyFile, assignment: Assignment) -> str | None:
    """The name of the row that an assignment is, as the study has it where it is its own; None for a mixture."""
    own = {row: name for name, row in file.uniform.items()}
    return own.get(assignment) or file.search_space.rows.name(assignment)


def candidate_name(file: StudyFile, assignment: Assignment) -> str:
    """What a candidate is called."""
    return row_name(file, assignment) or f"mixed-{assignment.digest[:6]}"
