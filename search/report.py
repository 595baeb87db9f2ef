"""The report: one self-contained HTML page."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from plotly.offline import get_plotlyjs

from search import figures
from search.fidelity import agreements
from search.member import Member
from search.pareto import front, gain, gain_text
from search.sensitivity import read_sensitivity
from search.study_file import StudyFile
from search.table import test_text
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


def write_report(file: StudyFile, members: Sequence[Member], path: Path) -> None:
    """Write the page.

    Raises:
        UserError: if there is nothing to show yet or the file cannot be written.
    """
    if not members:
        raise UserError(f"{file.path}: nothing measured yet; start with `hubits search {file.path.name}`")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(file, members), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


def render(file: StudyFile, members: Sequence[Member]) -> str:
    """The page as HTML."""
    space = file.search_space
    relative = figures.build_relative(members)
    sections = [
        ("WER against storage", "Each point is a finetuned, packed and scored checkpoint; bars are 95 % bootstrap "
         "intervals on the development corpus. Hover for the assignment.",
         figures.draw_front(figures.build_front(members, "storage_mb", space))),
        ("WER against estimated runtime", f"Runtime model: {file.search.runtime}. An estimate by arithmetic: nothing "
         "was timed on a low-bit machine.", figures.draw_front(figures.build_front(members, "runtime", space))),
        ("Which layer lives on how few bits", "The members of the front by rising storage.",
         figures.draw_bits(figures.build_bits(members, space))),
    ]  # fmt: skip
    if relative is not None:
        note = (
            "Crosses are the figures that arXiv 2301.00652 published for its own model on LibriSpeech: reference "
            "points for the shape of the trade, not measured here and not comparable in WER."
        )
        sections.append(("Beside the paper, each against its own fp16", note, figures.draw_relative(relative)))
    if (table := read_sensitivity(file)) is not None:
        note = "Divergence of the supernet's outputs from the float model's, one choice lowered at a time; no training."
        sections.append(
            (
                "What each choice costs on its own",
                note,
                figures.draw_sensitivity(figures.build_sensitivity(table, space.labels)),
            )
        )
    sections.append(
        ("How the front grew", "Hypervolume of WER, storage and runtime together.",
         figures.draw_progress(figures.build_progress(members)))
    )  # fmt: skip
    body = "".join(
        f"<h2>{escape(title)}</h2><p class=note>{escape(note)}</p>"
        + figure.to_html(full_html=False, include_plotlyjs=False, div_id=f"figure{i}", config={"displaylogo": False})
        for i, (title, note, figure) in enumerate(sections)
    )
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>hubits: {escape(file.study_name)}</title>"
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style><script>{get_plotlyjs()}</script>"
        f"</head><body><h1>{escape(file.study_name)}</h1><p class=note>{escape(_summary(file, members))}</p>"
        f"{body}<h2>The members</h2><div class=scroll>{_table(file, members)}</div></body></html>"
    )


def _summary(file: StudyFile, members: Sequence[Member]) -> str:
    mixed = sum(not m.uniform for m in members)
    better = [g for m in front(members) if (g := gain(m, members)) and g.better]
    ranks = "".join(f" Rank agreement (Spearman) of {one}." for one in agreements(file))
    return (
        f"{mixed} mixed and {len(members) - mixed} uniform configurations measured, {len(front(members))} on the "
        f"Pareto front of WER, storage and estimated runtime. {len(better)} mixed members of the front have a WER "
        "below that of the best uniform member of at most their bytes, beyond the 95 % paired bootstrap interval."
        + ranks
    )


def _table(file: StudyFile, members: Sequence[Member]) -> str:
    headings = ("member", "WER % [95 %]", "test WER %", "MB", "runtime", "bits a weight",
                "WER points below the best uniform of at most its bytes")  # fmt: skip
    chosen = front(members)
    lines = []
    for m in sorted({*chosen, *(m for m in members if m.uniform)}, key=lambda m: (m.storage_mb, m.runtime)):
        own = gain(m, members)
        style = "better" if own and own.better else "none"
        said = f"<span class={style}>{escape(gain_text(m, members))}</span>"
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
