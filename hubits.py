"""hubits from Python: open a study, look at its candidates, pick one, load what was exported.

After the import transformers loads exported folders too: ``AutoModelForCTC.from_pretrained(DIR)``, ``pipeline``.

>>> import hubits
>>> round(hubits.estimate("hubert-base-fastconv", uniform=["w2a2"], runtime="paper")[0]["storage_mb"], 2)
35.84
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import search  # noqa: F401 - first: it says so if 'spaces' is somebody else's
from evaluators.estimate import estimates as estimate
from evaluators.formats import packed_model  # noqa: F401 - makes the packed models known to transformers
from search.front.pick import Budget, Pick
from search.front.pick import pick as _pick
from search.study.candidate import Candidate
from search.study.study_file import StudyFile
from spaces import UserError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import plotly.graph_objects as go

__all__ = ["Candidate", "Pick", "Reader", "Study", "UserError", "estimate", "load", "open_study"]


class Study:
    """A study as far as it was measured.

    Attributes:
        file: the study file.
    """

    def __init__(self, file: StudyFile) -> None:
        self.file = file

    @cached_property
    def candidates(self) -> list[Candidate]:
        """Everything that was measured, rows first.

        Raises:
            UserError: if nothing was measured yet.
        """
        from search.study.snapshot import measured_candidates

        return measured_candidates(self.file)

    def front(self) -> list[Candidate]:
        """The candidates that no other one dominates in WER, storage and runtime, by rising storage."""
        from search.front.pareto import front

        return front(self.candidates)

    def dataframe(self) -> "pd.DataFrame":
        """One row a candidate, with the columns of ``hubits front --csv --all``."""
        import pandas as pd

        from search.views.table import rows

        return pd.DataFrame(rows(self.candidates, everyone=True))

    def pick(
        self,
        max_storage: float | None = None,
        max_runtime: float | None = None,
        max_wer: float | None = None,
        max_cer: float | None = None,
        *,
        knee: bool = False,
    ) -> Pick:
        """What ``hubits pick`` gives: storage in MB, runtime as a share of fp16, error rates in percent.

        Raises:
            UserError: if nothing meets the budget.
        """
        return _pick(self.candidates, Budget(max_storage, max_runtime, max_wer, max_cer), knee=knee)

    def export(self, candidate: Candidate, folder: str | Path) -> None:
        """Write a candidate's packed checkpoint into a folder.

        Raises:
            UserError: if the checkpoint is gone or the folder cannot be written.
        """
        from search.front.export import export_candidate

        export_candidate(self.file, candidate, Path(folder))

    @property
    def figures(self) -> "dict[str, go.Figure]":
        """The report's figures by name."""
        from search.views.figures.registry import draw_all

        return draw_all(self.file, self.candidates)


def open_study(path: str | Path, *, refined: bool = False) -> Study:
    """Open a study by its study file; with ``refined`` what ``hubits refine`` measured.

    Raises:
        UserError: if the file is not there or wrong.
    """
    return Study(StudyFile.load(Path(path)).at("refined" if refined else "short"))


class Reader:
    """A packed checkpoint that reads speech.

    Attributes:
        model: gives logits as a CTC model of transformers does.
        assignment: the precision of every layer.
    """

    def __init__(self, model: Any, assignment: Any, read: "Callable[[np.ndarray], str]") -> None:
        self.model, self.assignment, self._read = model, assignment, read

    def transcribe(self, wave: "np.ndarray") -> str:
        """Greedy transcript of float32 samples (samples,), 16 kHz mono."""
        return self._read(wave)


def load(folder: str | Path) -> Reader:
    """Load a folder that ``hubits pick --export`` wrote.

    Raises:
        UserError: naming the file that is missing, broken or another model's.
    """
    from evaluators.decoding import greedy
    from evaluators.formats.packed import load_packed
    from evaluators.scoring import transcribe_wave

    model, vocabulary, assignment = load_packed(Path(folder))
    return Reader(model, assignment, lambda wave: transcribe_wave(model, wave, greedy(vocabulary)))
