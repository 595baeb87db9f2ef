"""What a terminal shows of a search beside its line: workers, what came last, a small front."""

import math
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.stages.chronicle import Values
from search.stages.stage import Progress
from search.views.words import brought, duration

_NEWEST, _BUSY = 5, 8  # lines at most
_WIDTH, _HEIGHT = 56, 10  # characters of the small front


def search_panel(line: str, progress: Progress) -> RenderableType:
    """The line, and under it whatever there is to show."""
    parts: list[RenderableType] = [Text(line)]
    if progress.planned:
        bar = Table.grid()  # a bar alone would not end its line
        bar.add_row(ProgressBar(progress.planned, min(progress.done, progress.planned), width=_WIDTH))
        parts.append(bar)
    if progress.busy:
        parts.append(_workers(progress))
    if progress.told:
        parts.append(_newest(progress))
    if progress.front:
        parts.append(Text("\n".join(small_front(progress.front, progress.rows))))
    return Group(*parts)


def _workers(progress: Progress) -> Table:
    table = Table("trial", "under way", "for", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for one in progress.busy[:_BUSY]:
        table.add_row(str(one.number), one.name, duration(one.seconds))
    if len(progress.busy) > _BUSY:
        table.add_row("", f"and {len(progress.busy) - _BUSY} more", "")
    return table


def _newest(progress: Progress) -> Table:
    table = Table("trial", "newest", "error %", "MB", "runtime", "", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for one in reversed(progress.told[-_NEWEST:]):
        shown = (
            ("", "", "") if one.values is None else [f"{v:.{d}f}" for v, d in zip(one.values, (2, 3, 3), strict=True)]
        )
        style = "red" if one.values is None else "bold" if one.on_front else "dim"
        table.add_row(str(one.number), one.name, *shown, brought(one), style=style)
    return table


def small_front(
    front: Sequence[Values], rows: Sequence[Values], width: int = _WIDTH, height: int = _HEIGHT
) -> list[str]:
    """The error rate over MB, both logarithmic: ``●`` is on the front, ``◇`` a uniform row that is not."""
    marked = [(v, "◇") for v in rows if v not in front] + [(v, "●") for v in front]
    wers = [math.log(max(v[0], 0.01)) for v, _ in marked]
    sizes = [math.log(v[1]) for v, _ in marked]
    canvas = [[" "] * width for _ in range(height)]
    for wer, size, (_, mark) in zip(wers, sizes, marked, strict=True):
        canvas[_place(-wer, -max(wers), -min(wers), height)][_place(size, min(sizes), max(sizes), width)] = mark
    top, bottom = (f"{math.exp(w):.1f} %" for w in (max(wers), min(wers)))
    margin = max(len(top), len(bottom))
    labels = [top, *[""] * (height - 2), bottom]
    low, high = (f"{math.exp(s):.3g} MB" for s in (min(sizes), max(sizes)))
    lines = [f"{label:>{margin}} │{''.join(line)}".rstrip() for label, line in zip(labels, canvas, strict=True)]
    return [*lines, f"{'':>{margin}} └{'─' * width}", f"{'':>{margin}}  {low}{high:>{width - len(low)}}"]


def _place(value: float, least: float, most: float, cells: int) -> int:
    return round((value - least) / (most - least) * (cells - 1)) if most > least else 0
