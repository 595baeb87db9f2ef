"""Copying a study from one database to another: from a laptop's SQLite to a server's PostgreSQL, or back."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import get_args

import optuna
from optuna.storages import BaseStorage

from search.study.layout import database_path
from search.study.records import COPYING, connect, database_url, filled, is_database_error, shown, unreachable
from search.study.study_file import Fidelity, StudyFile
from spaces import UserError


def copy_study(file: StudyFile, target: str) -> list[str]:
    """Copy all fidelities of a study as far as they were measured; the names of the Optuna studies that were copied.

    What a copy that was interrupted left is taken away first.

    Raises:
        UserError: if there is nothing to copy, the target cannot be opened or holds such a study already.
    """
    copied, target = [], filled(target)
    for fidelity in get_args(Fidelity):
        one = file.at(fidelity)
        if not file.search.storage and not database_path(one).exists():
            continue
        try:
            source, destination = connect(database_url(one), existing=True), connect(target)
            if one.study_name not in {s.study_name for s in source.get_all_studies()}:
                continue
            _copy(one.study_name, source, destination)
        except optuna.exceptions.DuplicatedStudyError:
            raise UserError(f"{shown(target)}: holds a study {one.study_name!r} already") from None
        except Exception as error:
            if not is_database_error(error):
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


def _copy(name: str, source: BaseStorage, target: BaseStorage) -> None:
    """Copy a study under a mark that is taken off when it is whole.

    Raises:
        DuplicatedStudyError: if the target has one without the mark.
    """
    for left in target.get_all_studies():
        unmarked = not left.user_attrs and not target.get_n_trials(left._study_id)
        if left.study_name == name and (unmarked or left.user_attrs.get(COPYING)):
            target.delete_study(left._study_id)
    original = optuna.load_study(study_name=name, storage=source)
    copy = optuna.create_study(study_name=name, storage=target, directions=original.directions)
    copy.set_user_attr(COPYING, True)
    for key, value in source.get_study_system_attrs(original._study_id).items():
        target.set_study_system_attr(copy._study_id, key, value)
    for key, value in original.user_attrs.items():
        copy.set_user_attr(key, value)
    copy.add_trials(original.get_trials(deepcopy=False))
    copy.set_user_attr(COPYING, False)
