"""Where the files of a study lie, below its folder."""

from pathlib import Path

from search.study.study_file import StudyFile


def database_path(file: StudyFile) -> Path:
    """The SQLite file of a study without a storage of its own."""
    return file.folder / "study.db"


def result_path(file: StudyFile, digest: str) -> Path:
    """The file that a worker writes the result of an assignment's digest to, atomically, before it returns it."""
    return file.folder / "results" / f"{digest}.json"


def checkpoint_path(file: StudyFile, digest: str) -> Path:
    """The packed checkpoint that was scored for the assignment of a digest."""
    return file.folder / "checkpoints" / f"{digest}.safetensors"


def snapshot_path(file: StudyFile) -> Path:
    """The copy of the candidates beside the database."""
    return file.folder / "candidates.json"


def sensitivity_path(file: StudyFile) -> Path:
    """What each rung of each choice costs on its own."""
    return file.home / "sensitivity.json"


def hashes_path(file: StudyFile) -> Path:
    """The hashes of the study's inputs, so that they are not made anew."""
    return file.home / "inputs.json"


def log_path(file: StudyFile) -> Path:
    """What was started, failed and tried again, by whom."""
    return file.home / "search.log"


def lock_path(file: StudyFile) -> Path:
    """What one driver at a time holds."""
    return file.home / "driver.lock"
