"""A comparison on the screen, for machines and as a page."""

from html import escape
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs
from rich.console import Console
from rich.table import Table

from search.front.compare import Comparison, agreements, attainments
from search.views.figures.comparison import build_comparison, draw_comparison
from search.views.figures.layers import build_layers, draw_layers
from search.views.report import PAGE
from spaces import UserError

Rows = list[list[str]]


def as_data(found: Comparison) -> dict[str, Any]:
    """Plain data: the reference, a row for each contender, coverage by label, attainment, agreement on layers."""
    labels = [one.label for one in found.contenders]
    return {
        "reference": dict(zip(("error", "storage_mb", "runtime"), found.reference, strict=True)),
        "contenders": [
            {"label": one.label, "measured": len(one.points), "front": len(one.front), "hypervolume": volume,
             "kept": kept}
            for one, volume, kept in zip(found.contenders, found.volumes, found.kept, strict=True)
        ],
        "coverage": {a: dict(zip(labels, row, strict=True)) for a, row in zip(labels, found.coverage, strict=True)},
        "attainment": [
            {"group": a.group, "seeds": a.seeds, "storage_mb": a.storage_mb,
             **{k: [w if w < float("inf") else None for w in getattr(a, k)] for k in ("best", "median", "worst")}}
            for a in attainments(found.contenders)
        ],
        "agreement": [
            {"one": one, "other": other, "bits": side, "spearman": value}
            for one, other, side, value in agreements(found.contenders)
        ],
        "doubts": doubts(found),
    }  # fmt: skip


def doubts(found: Comparison) -> list[str]:
    """What keeps the contenders from being compared."""
    known = {one.speech for one in found.contenders if one.speech is not None}
    if len(known) > 1:
        return ["their development corpora or error rates differ: what was counted on others cannot be compared"]
    if any(one.speech is None for one in found.contenders):
        return ["a table does not say on what speech it was measured: its error rates may be of another kind"]
    return []


def _tables(found: Comparison) -> tuple[Rows, Rows]:
    """Each with its headings first."""
    labels = [one.label for one in found.contenders]
    best = max(found.volumes)
    summary = [["", "measured", "on the front", "hypervolume", "of the best", "not dominated by others"]]
    for one, volume, kept in zip(found.contenders, found.volumes, found.kept, strict=True):
        share = f"{100 * volume / best:.1f} %" if best else ""
        summary.append(
            [one.label, str(len(one.points)), str(len(one.front)), f"{volume:.4f}", share, f"{100 * kept:.0f} %"]
        )
    coverage = [["share of the front below that the left one covers", *labels]]
    for label, row in zip(labels, found.coverage, strict=True):
        coverage.append([label, *("" if labels[j] == label else f"{100 * v:.0f} %" for j, v in enumerate(row))])
    return summary, coverage


def _reference(found: Comparison) -> str:
    error, storage_mb, runtime = found.reference
    costs = f"{storage_mb:.3f} MB, runtime {runtime:.3f}"
    return f"common reference: error rate {error:.2f} %, {costs}, a tenth beyond all fronts"


def _agreement(found: Comparison) -> list[str]:
    return [
        f"{side} bits that mixtures give the layers: rank correlation of {one} and {other} {value:.2f}"
        for one, other, side, value in agreements(found.contenders)
    ]


def print_comparison(found: Comparison) -> None:
    """Print both tables."""
    console = Console(width=None if Console().is_terminal else 150)
    for heading, *rows in _tables(found):
        table = Table(*heading)
        for column in table.columns[1:]:
            column.justify = "right"
        for row in rows:
            table.add_row(*row)
        console.print(table)
    print(_reference(found))
    for note in _agreement(found):
        print(note)
    for doubt in doubts(found):
        print(f"but: {doubt}")


def write_comparison(found: Comparison, path: Path) -> None:
    """Write figures and tables as one self-contained page.

    Raises:
        UserError: if the file cannot be written.
    """
    data = build_comparison(found.contenders)
    figures = "".join(
        draw_comparison(data, axis).to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False})
        for axis in ("storage_mb", "runtime")
    )
    if (layers := build_layers(found.contenders)) is not None:
        figures += draw_layers(layers).to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False})
    notes = "".join(f"<p class=note>{escape(text)}</p>" for text in (_reference(found), *_agreement(found)))
    notes += "".join(f"<p class=doubt>but: {escape(text)}</p>" for text in doubts(found))
    page = (
        "<!doctype html><html lang=en data-theme=light><head><meta charset=utf-8><title>hubits: compared</title>"
        "<meta name=viewport content='width=device-width, initial-scale=1'><link rel=icon href='data:,'>"
        f"<style>{(PAGE / 'page.css').read_text(encoding='utf-8')}</style><script>{get_plotlyjs()}</script></head>"
        "<body><header><h1>Fronts side by side</h1></header><main>"
        f"<section class=card>{''.join(map(_html, _tables(found)))}"
        f"{notes}</section><section class=card>{figures}</section></main></body></html>"
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


def _html(rows: Rows) -> str:
    heading, *rest = [[escape(cell) for cell in row] for row in rows]
    head = "".join(f"<th>{cell}</th>" for cell in heading)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rest)
    return f"<div class=scroll><table class=list><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
