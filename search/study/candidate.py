"""A measured candidate."""

from dataclasses import dataclass, field
from typing import Any

from evaluators.error_rate import MEASURES, ErrorCounts, Measure, Rate, rate
from search.study.study_file import StudyFile
from spaces import Assignment


@dataclass(frozen=True)
class Candidate:
    """A measured candidate.

    Attributes:
        name: of its row where it is one, else ``mixed-`` and the assignment's digest.
        number: its Optuna trial.
        measure: which error rate the study searches.
        error: that rate, pooled over the development corpus, in percent, with its 95 % bootstrap interval.
        beside: the other rate of the two; None where it was not recorded.
        loss: CTC of the references a character plus KL divergence from the float model a frame, on the same corpus.
        storage_mb: bytes of its packed file / 10^6.
        runtime: estimated, relative to fp16, under the study's runtime model.
        uniform: whether it is a row that anybody could write by hand.
        baseline: whether it is one of the study's own rows, which are measured first and fix the reference point.
        errors: of every development utterance, for paired comparisons; ``units`` counts its words or characters.
        test: the record of both rates on the test corpus, once the front was scored there; under ``other`` that of a
            second one, under ``beam`` that of the same corpus by the study's beam search.
    """

    name: str
    number: int
    measure: Measure
    error: float
    error_low: float
    error_high: float
    beside: float | None
    loss: float
    storage_mb: float
    runtime: float
    mean_bits: float
    uniform: bool
    baseline: bool
    assignment: Assignment
    errors: tuple[int, ...]
    units: tuple[int, ...]
    seconds: float
    test: dict[str, Any] | None = field(compare=False)

    @property
    def objectives(self) -> tuple[float, float, float]:
        """The three objectives, all smaller is better."""
        return self.error, self.storage_mb, self.runtime

    @property
    def label(self) -> str:
        """WER or CER, whichever is searched."""
        return MEASURES[self.measure]

    @property
    def counts(self) -> ErrorCounts:
        """What the error rate was counted from."""
        return ErrorCounts(self.errors, self.units)

    @property
    def on_test(self) -> Rate | None:
        """The searched error rate on the test corpus, once it was scored there."""
        return rate(self.test, self.measure) if self.test else None

    @property
    def by_beam(self) -> Rate | None:
        """The same by the study's beam search, where it has one."""
        return rate(self.test["beam"], self.measure) if self.test and "beam" in self.test else None

    @property
    def on_other(self) -> Rate | None:
        """The same on the second test corpus, where there is one."""
        return rate(self.test["other"], self.measure) if self.test and "other" in self.test else None


def row_name(file: StudyFile, assignment: Assignment) -> str | None:
    """The name of the row that an assignment is, as the study has it where it is its own; None for a mixture."""
    own = {row: name for name, row in file.uniform.items()}
    return own.get(assignment) or file.search_space.rows.name(assignment)


def candidate_name(file: StudyFile, assignment: Assignment) -> str:
    """What a candidate is called."""
    return row_name(file, assignment) or f"mixed-{assignment.digest[:6]}"
