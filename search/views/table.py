"""The front as a table: for the screen, for CSV and for JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from evaluators.error_rate import MEASURES, OTHER
from search.front.pareto import front, gain, gain_text, is_tied, reference_point
from search.front.runtimes import Columns
from search.hypervolume import hypervolume
from search.stages.fidelity import agreements
from search.study.candidate import Candidate
from search.study.study_file import StudyFile
from spaces import UserError


def rows(
    candidates: Sequence[Candidate], *, everyone: bool = False, beside: Columns | None = None
) -> list[dict[str, Any]]:
    """One row for each member of the front and for each uniform member, or for everyone, by rising storage.

    Args:
        beside: runtimes by other models.
    """
    on_front = front(candidates)
    wanted = list(candidates) if everyone else [*on_front, *(m for m in candidates if m.uniform and m not in on_front)]
    ordered = sorted(wanted, key=lambda m: (m.storage_mb, m.runtime))
    others = beside or {}
    return [
        row(m, candidates) | {f"runtime_{name}": round(column[m], 6) for name, column in others.items()}
        for m in ordered
    ]


def row(candidate: Candidate, candidates: Sequence[Candidate]) -> dict[str, Any]:
    """A member as flat data.

    ``on_front`` is false for one that some other one dominates, ``tied`` true if no dominator's error rate is
    significantly lower.
    """
    own, on_front = gain(candidate, candidates), front(candidates)
    return {
        "name": candidate.name,
        candidate.measure: round(candidate.error, 4),
        f"{candidate.measure}_low": round(candidate.error_low, 4),
        f"{candidate.measure}_high": round(candidate.error_high, 4),
        OTHER[candidate.measure]: None if candidate.beside is None else round(candidate.beside, 4),
        "storage_mb": candidate.storage_mb,
        "runtime": round(candidate.runtime, 6),
        "mean_bits": round(candidate.mean_bits, 4),
        "uniform": candidate.uniform,
        "on_front": candidate in on_front,
        "tied": is_tied(candidate, on_front),
        **_tested(candidate),
        "gain": round(own.points, 4) if own else None,
        "gain_low": round(own.low, 4) if own else None,
        "gain_high": round(own.high, 4) if own else None,
        "gain_over": own.over if own else None,
        "assignment": candidate.assignment.to_json(),
    }


def _tested(candidate: Candidate) -> dict[str, float | None]:
    """Both error rates on the test corpora, as columns; empty where they were not scored."""
    found: dict[str, float | None] = {}
    test = candidate.test or {}
    other, beam = test.get("other", {}), test.get("beam", {})
    for measure in (candidate.measure, OTHER[candidate.measure]):
        columns = {f"test_{measure}{end}": test.get(f"{measure}{end}") for end in ("", "_low", "_high")}
        columns |= {f"test_other_{measure}": other.get(measure), f"test_beam_{measure}": beam.get(measure)}
        found |= {key: None if value is None else round(value, 4) for key, value in columns.items()}
    return found


def test_text(candidate: Candidate) -> str:
    """The error rate on the test corpus, and behind a stroke on the second one where there is one."""
    test, other = candidate.on_test, candidate.on_other
    return "" if test is None else f"{test.percent:.2f}" + (f" / {other.percent:.2f}" if other else "")


def write_csv(table: Sequence[dict[str, Any]], path: Path) -> None:
    """Write rows as CSV with a header."""
    import pandas as pd

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(list(table)).to_csv(path, index=False)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


def print_sensitivity(file: StudyFile, table: dict[str, list[float]], unit: str) -> None:
    """Print the choices by what their lowest rung costs, the most sensitive first."""
    from search.views.figures.sensitivity import build_sensitivity

    shown = Table(title=f"{file.name}: what each rung adds over the top one, {unit}")
    shown.add_column("choice")
    data = build_sensitivity(table, file.search_space.labels)
    for column in data.columns:
        shown.add_column(column, justify="right")
    for name, values in zip(data.rows, data.added, strict=True):
        shown.add_row(name, *(data.text(v) for v in values))
    Console().print(shown)


def print_recipes(file: StudyFile, found: Sequence[dict[str, Any]]) -> None:
    """Print the WER of each recipe at each width beside ours on the same layers at the same steps."""
    settings = file.recipes
    steps = settings.steps if settings else 0
    table = Table(
        title=f"{file.name}: WER % after {steps} steps from the float model, mean and range of the seeds, at its rate"
    )
    headings = (
        "recipe",
        "bits",
        "seeds",
        "recipe's WER",
        "ours on the same layers",
        "ours is better by",
        "MB",
        "runtime",
        "published WER",
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "recipe" else "right")
    for one in found:
        cells = (
            f"{one[k]:.2f} ({one[f'{k}_range'][0]:.1f}-{one[f'{k}_range'][1]:.1f}) at {one[rate]:g}"
            for k, rate in (("wer", "learning_rate"), ("ours", "our_rate"))
        )
        published = "" if one["published"] is None else f"{one['published']:.2f}"
        gain = "{:.2f} [{:.2f}, {:.2f}]".format(*one["gain"])
        table.add_row(one["recipe"], str(one["bits"]), str(one["seeds"]), *cells, gain,
                      f"{one['storage_mb']:.2f}", f"{one['runtime']:.2f}", published)  # fmt: skip
    Console(width=None if Console().is_terminal else 180).print(table)


def print_agreement(file: StudyFile) -> None:
    """Print how well the fidelities of a study rank the same candidates, where two of them were measured."""
    for found in agreements(file):
        print(f"rank agreement (Spearman) of {found}")


def print_front(file: StudyFile, candidates: Sequence[Candidate], beside: Columns | None = None) -> None:
    """Print the front with each mixture's gain over the best uniform row that costs no more."""
    others = beside or {}
    if not candidates:
        print("nothing measured yet")
        return
    label = MEASURES[file.search.error]
    title = f"{file.study_name}: Pareto front of {label}, storage and estimated runtime"
    table = Table(title=title, title_justify="left")
    searched = any(m.by_beam for m in candidates)
    beam = ["by beam %"] if searched else []
    for heading in ("member", f"{label} %", "95 %", f"test {label} %", *beam, "MB", "runtime", *others, "bits"):
        table.add_column(heading, justify="left" if heading == "member" else "right")
    table.add_column(f"{label} points below the best row that costs no more")
    on_front = front(candidates)
    for one in sorted({*on_front, *(m for m in candidates if m.uniform)}, key=lambda m: (m.storage_mb, m.runtime)):
        table.add_row(
            one.name, f"{one.error:.2f}", f"{one.error_low:.1f}-{one.error_high:.1f}",
            test_text(one), *([f"{one.by_beam.percent:.2f}" if one.by_beam else ""] if searched else []),
            f"{one.storage_mb:.3f}", f"{one.runtime:.3f}",
            *(f"{column[one]:.3f}" for column in others.values()), f"{one.mean_bits:.2f}", gain_text(one, candidates),
            style="bold" if one.uniform else None,
        )  # fmt: skip
    console = Console()
    console.print(table) if console.is_terminal else Console(width=150).print(table)
    volume = hypervolume([m.objectives for m in candidates], reference_point(candidates))
    print(f"{len(candidates)} measured, {len(on_front)} on the front, hypervolume {volume:.4f}")
