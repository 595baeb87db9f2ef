"""What can be compared: studies at a fidelity, their recipes, and tables that ``hubits front`` wrote."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from search.front.compare import Contender
from search.front.layer_bits import layer_bits
from search.stages.recipes import compared, results
from search.study.snapshot import measured_candidates
from search.study.study_file import Fidelity, StudyFile
from spaces import UserError
from spaces.names import choices

_KINDS = (*get_args(Fidelity), "recipes")
_COSTS = ("storage_mb", "runtime")


def read_contenders(sources: Sequence[str]) -> list[Contender]:
    """Read ``study.toml``, ``study.toml@refined`` (or ``@supernet``, ``@recipes``), or a CSV or JSON table.

    Raises:
        UserError: naming the source that is not there or not to be compared.
    """
    found = [one for source in sources for one in _read(source)]
    if len(found) < 2:
        raise UserError("compare: name at least two studies, fidelities or tables")
    return [_renamed(one, i, found) for i, one in enumerate(found)]


def _read(source: str) -> Iterator[Contender]:
    name, at, kind = source.rpartition("@") if "@" in source else (source, "", "short")
    if at and kind not in _KINDS:
        raise UserError(f"{source}: there is no {kind!r} of a study; {choices(kind, _KINDS)}")
    path = Path(name)
    if path.suffix in (".csv", ".json"):
        yield _of_table(path)
    elif kind == "recipes":
        yield from _of_recipes(StudyFile.load(path))
    else:
        yield _of_study(StudyFile.load(path).at(kind))  # type: ignore[arg-type]  # one of the fidelities


def _of_study(file: StudyFile) -> Contender:
    found = measured_candidates(file)
    if not found:
        raise UserError(f"{file.path}: nothing measured yet; start with `hubits search {file.path.name}`")
    label = file.path.stem if file.fidelity == "short" else f"{file.path.stem} {file.fidelity}"
    return Contender(
        label, tuple(m.name for m in found), tuple(m.objectives for m in found), file.study_name, found[0].units,
        layer_bits(found, file.search_space.layers),
    )  # fmt: skip


def _of_recipes(file: StudyFile) -> Iterator[Contender]:
    rows = compared(file, results(file))
    if not rows:
        raise UserError(f"{file.path}: no recipe is measured yet; start with `hubits recipes {file.path.name}`")
    names = tuple(f"{r['recipe']} {r['bits']} bit" for r in rows)
    for label, key in (("recipes", "wer"), ("ours on their layers", "ours")):
        yield Contender(
            f"{file.path.stem} {label}", names, tuple((r[key], r["storage_mb"], r["runtime"]) for r in rows)
        )


def _of_table(path: Path) -> Contender:
    try:
        text = path.read_text(encoding="utf-8")
        rows: list[dict[str, Any]] = (
            json.loads(text) if path.suffix == ".json" else list(csv.DictReader(text.splitlines()))
        )
        # the rate that was searched has an interval
        columns = ("cer" if rows and "cer_low" in rows[0] else "wer", *_COSTS)
        points = tuple(tuple(float(row[key]) for key in columns) for row in rows)
        names = tuple(str(row["name"]) for row in rows)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path}: not a table that `hubits front --csv` or `--json` wrote") from None
    if not points:
        raise UserError(f"{path}: the table is empty")
    return Contender(path.stem, names, points)  # type: ignore[arg-type]  # three columns


def _renamed(one: Contender, index: int, everyone: Sequence[Contender]) -> Contender:
    """Contenders of one name are told apart by a number."""
    before = sum(other.label == one.label for other in everyone[:index])
    alone = sum(other.label == one.label for other in everyone) == 1
    label = one.label if alone else f"{one.label} ({before + 1})"
    return replace(one, label=label)
