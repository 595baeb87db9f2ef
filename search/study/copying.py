"""Copying a study from one database to another: from a laptop's SQLite to a server's PostgreSQL, or back."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import get_args

import optuna

from search.study.layout import database_path
from search.study.records import connect, database_url, shown, unreachable
from search.study.study_file import Fidelity, StudyFile
from spaces import UserError


def copy_study(file: StudyFile, target: str) -> list[str]:
    """Copy all fidelities of a study as far as they were measured; the names of the Optuna studies that were copied.

    Raises:
        UserError: if there is nothing to copy, the target cannot be opened or holds such a study already.
    """
    copied = []
    for fidelity in get_args(Fidelity):
        one = file.at(fidelity)
        if not file.search.storage and not database_path(one).exists():
            continue
        try:
            source, destination = connect(database_url(one), existing=True), connect(target)
            names = {s.study_name for s in source.get_all_studies()}
            if one.study_name not in names:
                continue
            optuna.copy_study(
                from_study_name=one.study_name, from_storage=source, to_storage=destination,
                to_study_name=one.study_name,
            )  # fmt: skip
        except optuna.exceptions.DuplicatedStudyError:
            raise UserError(f"{shown(target)}: holds a study {one.study_name!r} already") from None
        except Exception as error:
            if type(error).__module__.split(".")[0] not in ("sqlalchemy", "optuna"):
                raise
            raise unreachable(target, error) from None
        copied.append(one.study_name)
    if not copied:
        raise UserError(f"{file.path}: nothing measured yet; there is nothing to copy")
    return copied


def copy_database(file: StudyFile, target: Path) -> str:
    """Copy what one fidelity measured into a new SQLite file, while a search may be writing; the copy's URL.

    Raises:
        UserError: if there is nothing to copy.
    """
    url = f"sqlite:///{target}"
    if file.search.storage:
        copy_study(file, url)
        return url
    database = database_path(file)
    if not database.exists():
        raise UserError(f"{file.path}: nothing measured yet; start with `hubits search {file.path.name}`")
    with (
        closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
    return url
