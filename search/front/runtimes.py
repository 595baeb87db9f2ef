"""Candidates under other runtime models than their study's: as columns beside it, or in its place."""

from collections.abc import Sequence
from dataclasses import replace

from evaluators.costs.runtime import runtime_model
from search.study.candidate import Candidate
from search.study.study_file import StudyFile

Columns = dict[str, dict[Candidate, float]]


def beside(file: StudyFile, candidates: Sequence[Candidate], names: Sequence[str]) -> Columns:
    """The runtime of every candidate relative to fp16 by each model, under the model's name.

    Args:
        names: of runtime models, or paths of profiles.

    Raises:
        UserError: if there is none of a name, or a profile lacks a layer.
    """
    models = [runtime_model(name, "--runtime") for name in names]
    return {m.name: {c: m.runtime(file.architecture, c.assignment) for c in candidates} for m in models}


def under(file: StudyFile, candidates: Sequence[Candidate], name: str) -> list[Candidate]:
    """The candidates with their runtime by another model.

    Raises:
        UserError: as ``beside``.
    """
    model = runtime_model(name, "--runtime")
    return [replace(c, runtime=model.runtime(file.architecture, c.assignment)) for c in candidates]
