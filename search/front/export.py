"""Taking a member home: what was scored, written as other tools read it. ``EXPORT_FORMATS`` is the registry."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluators.costs.layout import ASSIGNMENT, CHECKPOINT, VOCABULARY, head_path
from evaluators.data.vocabulary import Vocabulary
from search.front.card import write_card
from search.study.candidate import Candidate
from search.study.layout import checkpoint_path
from search.study.study_file import StudyFile
from spaces import UserError

if TYPE_CHECKING:
    from evaluators.error_rate import Errors


def _packed(file: StudyFile, candidate: Candidate, folder: Path) -> None:
    """The packed checkpoint, SUPERB's head where there is one, and what transformers wants beside them."""
    from evaluators.formats.exported import write_beside
    from evaluators.models.folder import load_config

    checkpoint = checkpoint_path(file, candidate.assignment.digest)
    shutil.copyfile(checkpoint, folder / CHECKPOINT)
    head = head_path(folder / CHECKPOINT)
    head.unlink(missing_ok=True)  # of a member that was exported here before
    if file.superb is not None:
        shutil.copyfile(head_path(checkpoint), head)
    vocabulary = Vocabulary.load(file.model.folder / VOCABULARY)
    config = load_config(file.model.folder)
    write_beside(folder, config, candidate.assignment, vocabulary, superb=file.superb is not None)
    (folder / ASSIGNMENT).write_text(candidate.assignment.to_json() + "\n", encoding="utf-8")


def _onnx(file: StudyFile, candidate: Candidate, folder: Path) -> None:
    """The same in integers for onnxruntime.

    Raises:
        UserError: under SUPERB's protocol, whose head has no export, or without the package onnx.
    """
    if file.superb is not None:
        raise UserError("--format onnx: a SUPERB study's head has no ONNX export; use --format packed")
    try:
        from evaluators.formats.onnx.folder import write_onnx
    except ImportError:
        raise UserError("--format onnx: the package onnx is not installed; `pip install 'hubits[onnx]'`") from None
    from evaluators.models.folder import load_config
    from evaluators.models.tensors import read_stored

    tensors = read_stored(checkpoint_path(file, candidate.assignment.digest))
    vocabulary = Vocabulary.load(file.model.folder / VOCABULARY)
    write_onnx(folder, load_config(file.model.folder), candidate.assignment, tensors, vocabulary)


# by name: what writes a candidate of a study into a folder
EXPORT_FORMATS: dict[str, Callable[[StudyFile, Candidate, Path], None]] = {"packed": _packed, "onnx": _onnx}


def export_candidate(file: StudyFile, candidate: Candidate, folder: Path, form: str = "packed") -> None:
    """Write a candidate in one of ``EXPORT_FORMATS``, with a card that says what it is.

    Raises:
        UserError: if the format does not exist, the checkpoint is gone or the folder cannot be written.
    """
    if form not in EXPORT_FORMATS:
        raise UserError(f"--format: {form!r} does not exist; choose from {', '.join(EXPORT_FORMATS)}")
    checkpoint = checkpoint_path(file, candidate.assignment.digest)
    if not checkpoint.exists():
        raise UserError(f"{checkpoint}: the checkpoint of {candidate.name} is gone; search again in a new study folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        EXPORT_FORMATS[form](file, candidate, folder)
        write_card(file, candidate, folder, form)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror})") from None


def named_candidate(candidates: Sequence[Candidate], name: str) -> Candidate:
    """The candidate of a name.

    Raises:
        UserError: if there is none, with the nearest name.
    """
    import difflib

    by_name = {c.name: c for c in candidates}
    if name not in by_name:
        close = difflib.get_close_matches(name, by_name, n=1, cutoff=0.0)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise UserError(f"--member: no candidate is called {name!r}{hint}")
    return by_name[name]


def onnx_errors(file: StudyFile, folder: Path, progress: Callable[[int, int], None]) -> "Errors":
    """Errors of an exported ONNX folder on the study's test corpus, in its own runtime.

    Args:
        progress: called with how many of how many utterances are done.
    """
    from evaluators.data.load import load_corpus
    from evaluators.formats.onnx.session import OnnxReader

    assert file.corpora.test is not None
    corpus = load_corpus(file.corpora.test)
    reader = OnnxReader(folder)
    return reader.errors(corpus.texts, corpus.wave, lambda done: progress(done, len(corpus.texts)))
