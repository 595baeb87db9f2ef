"""The report: one self-contained HTML page, made of its data, a script and Plotly."""

import json
import re
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path

from plotly.offline import get_plotlyjs
from plotly.utils import PlotlyJSONEncoder

from search.stages.fidelity import Agreement, agreements
from search.study.candidate import Candidate
from search.study.study_file import StudyFile
from search.study.tally import Tally
from search.views.page.data import build_page
from spaces import UserError

PAGE = Path(__file__).parent / "page"
SCRIPTS = ("rule.js", "dom.js", "panels.js", "table.js", "figures.js", "main.js")  # each uses those before it alone


def write_report(file: StudyFile, candidates: Sequence[Candidate], path: Path, told: Tally | None = None) -> None:
    """Write the page.

    Args:
        told: what became of the trials that gave no candidate.

    Raises:
        UserError: if there is nothing to show yet or the file cannot be written.
    """
    if not candidates:
        raise UserError(f"{file.path}: nothing measured yet; start with `hubits search {file.path.name}`")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(file, candidates, told, agreements(file)), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


def render(
    file: StudyFile,
    candidates: Sequence[Candidate],
    told: Tally | None = None,
    ranks: Sequence[Agreement] = (),
    stamp: str | None = None,
) -> str:
    """The page as HTML; with a stamp it asks its server now and then whether there is another one."""
    data = build_page(file, candidates, told, ranks)
    parts = {
        "title": escape(data["name"]), "summary": escape(data["summary"]),
        "style": (PAGE / "page.css").read_text(encoding="utf-8"), "plotly": get_plotlyjs(),
        "data": json.dumps(data, cls=PlotlyJSONEncoder, separators=(",", ":")).replace("</", "<\\/"),
        "script": script(),
    }  # fmt: skip
    frame = (PAGE / "page.html").read_text(encoding="utf-8")
    if stamp is not None:
        frame = frame.replace('<html lang="en">', f'<html lang="en" data-stamp="{escape(stamp)}">')
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], frame)


@cache
def script() -> str:
    """The modules of the page's script as one: a page that is opened from a file can load no other."""
    texts = [(PAGE / name).read_text(encoding="utf-8") for name in SCRIPTS]
    joined = "\n".join(re.sub(r"^import .*?;$|^export ", "", text, flags=re.MULTILINE) for text in texts)
    return f"(() => {{\n'use strict';\n{joined}\n}})();\n"
