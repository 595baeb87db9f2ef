"""Taking a member home: the packed checkpoint that was scored, with what is needed to load it."""

import shutil
from collections.abc import Callable
from pathlib import Path

from evaluators.costs.layout import ASSIGNMENT, CHECKPOINT, VOCABULARY, head_path
from evaluators.data.vocabulary import Vocabulary
from search.study.candidate import Candidate
from search.study.layout import checkpoint_path
from search.study.study_file import StudyFile
from spaces import UserError


def _packed(file: StudyFile, candidate: Candidate, folder: Path) -> None:
    """Write the packed checkpoint, SUPERB's head where there is one, and what transformers wants beside it.

    Raises:
        UserError: if the checkpoint is gone or the folder cannot be written.
    """
    from evaluators.formats.exported import write_beside
    from evaluators.models.folder import load_config

    checkpoint = checkpoint_path(file, candidate.assignment.digest)
    if not checkpoint.exists():
        raise UserError(f"{checkpoint}: the checkpoint of {candidate.name} is gone; search again in a new study folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(checkpoint, folder / CHECKPOINT)
        head = head_path(folder / CHECKPOINT)
        head.unlink(missing_ok=True)  # of a member that was exported here before
        if file.superb is not None:
            shutil.copyfile(head_path(checkpoint), head)
        vocabulary = Vocabulary.load(file.model.folder / VOCABULARY)
        config = load_config(file.model.folder)
        write_beside(folder, config, candidate.assignment, vocabulary, superb=file.superb is not None)
        (folder / ASSIGNMENT).write_text(candidate.assignment.to_json() + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror})") from None


# by name: what writes a candidate of a study into a folder
EXPORT_FORMATS: dict[str, Callable[[StudyFile, Candidate, Path], None]] = {"packed": _packed}


def export_candidate(file: StudyFile, candidate: Candidate, folder: Path, form: str = "packed") -> None:
    """Write a candidate in one of ``EXPORT_FORMATS``.

    Raises:
        UserError: if the format does not exist, the checkpoint is gone or the folder cannot be written.
    """
    if form not in EXPORT_FORMATS:
        raise UserError(f"--format: {form!r} does not exist; choose from {', '.join(EXPORT_FORMATS)}")
    EXPORT_FORMATS[form](file, candidate, folder)
