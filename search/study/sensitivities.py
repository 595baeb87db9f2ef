"""The sensitivities of a study, once they are measured."""

import json

from search.study.layout import sensitivity_path
from search.study.study_file import StudyFile

Table = dict[str, list[float]]


def read_sensitivity(file: StudyFile) -> Table | None:
    """The table of this study's search space, or None where it was not measured."""
    try:
        table = json.loads(sensitivity_path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    fits = isinstance(table, dict) and {k: len(v) for k, v in table.items()} == file.search_space.variables
    return table if fits else None
