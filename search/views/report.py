"""The report: one self-contained HTML page."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from plotly.offline import get_plotlyjs

from search.front.pareto import front, gain, gain_text
from search.stages.fidelity import agreements
from search.study.candidate import Candidate
from search.study.study_file import StudyFile
from search.views.figures.registry import FIGURES, draw_all
from search.views.table import test_text
from spaces import UserError

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2733; max-width: 1120px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p.note { color: #5b6773; } table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #e4e8ec; white-space: nowrap; }
th { color: #5b6773; font-weight: 600; } td:first-child, th:first-child { text-align: left; }
tr.bits td { white-space: normal; text-align: left; color: #5b6773; font-size: 12px; padding-top: 0; }
tr:has(+ tr.bits) td { border-bottom: none; padding-bottom: 0; } tr.uniform td { background: #eef6fa; }
.better { color: #0a7a3d; font-weight: 600; } .none { color: #5b6773; } .scroll { overflow-x: auto; }
"""


def write_report(file: StudyFile, candidates: Sequence[Candidate], path: Path) -> None:
    """Write the page.

    Raises:
        UserError: if there is nothing to show yet or the file cannot be written.
    """
    if not candidates:
        raise UserError(f"{file.path}: nothing measured yet; start with `hubits search {file.path.name}`")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(file, candidates), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


def render(file: StudyFile, candidates: Sequence[Candidate]) -> str:
    """The page as HTML."""
    drawn = draw_all(file, candidates)
    body = "".join(
        f"<h2>{escape(one.title)}</h2><p class=note>{escape(one.note)}</p>"
        + drawn[one.name].to_html(
            full_html=False, include_plotlyjs=False, div_id=f"figure-{one.name}", config={"displaylogo": False}
        )
        for one in FIGURES
        if one.name in drawn
    )
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>hubits: {escape(file.study_name)}</title>"
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style><script>{get_plotlyjs()}</script>"
        f"</head><body><h1>{escape(file.study_name)}</h1><p class=note>{escape(_summary(file, candidates))}</p>"
        f"{body}<h2>The members</h2><div class=scroll>{_table(file, candidates)}</div></body></html>"
    )


def _summary(file: StudyFile, candidates: Sequence[Candidate]) -> str:
    mixed = sum(not m.uniform for m in candidates)
    better = [g for m in front(candidates) if (g := gain(m, candidates)) and g.better]
    ranks = "".join(f" Rank agreement (Spearman) of {one}." for one in agreements(file))
    return (
        f"{mixed} mixed and {len(candidates) - mixed} uniform configurations measured, {len(front(candidates))} on the "
        f"Pareto front of WER, storage and estimated runtime. {len(better)} mixed members of the front have a WER "
        "below that of the best uniform row that costs no more, beyond the 95 % paired bootstrap interval." + ranks
    )


def _table(file: StudyFile, candidates: Sequence[Candidate]) -> str:
    headings = ("member", "WER % [95 %]", "test WER %", "MB", "runtime", "bits a weight",
                "WER points below the best row that costs no more")  # fmt: skip
    chosen = front(candidates)
    lines = []
    for m in sorted({*chosen, *(m for m in candidates if m.uniform)}, key=lambda m: (m.storage_mb, m.runtime)):
        own = gain(m, candidates)
        style = "better" if own and own.better else "none"
        said = f"<span class={style}>{escape(gain_text(m, candidates))}</span>"
        cells = (
            escape(m.name), f"{m.wer:.2f} [{m.wer_low:.1f}, {m.wer_high:.1f}]",
            test_text(m), f"{m.storage_mb:.3f}", f"{m.runtime:.3f}", f"{m.mean_bits:.2f}",
            said,
        )  # fmt: skip
        lines.append(f"<tr{' class=uniform' * m.uniform}>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
        if not m.uniform:
            bits = escape(m.assignment.short(file.architecture))
            lines.append(f"<tr class=bits><td colspan={len(cells)}>{bits}</td></tr>")
    return f"<table><tr>{''.join(f'<th>{h}</th>' for h in headings)}</tr>{''.join(lines)}</table>"
