"""Everything that the page shows, as one object of plain JSON."""

from collections.abc import Sequence
from typing import Any

from evaluators.error_rate import MEASURES
from search.front.pareto import front, gain
from search.stages.fidelity import Agreement
from search.study.candidate import Candidate
from search.study.study_file import StudyFile
from search.study.tally import Tally
from search.views.figures.registry import FIGURES, draw_all
from search.views.figures.roles import ROLES
from search.views.figures.style import TESTED
from search.views.page.layers import build_layers
from search.views.page.members import build_members
from search.views.page.provenance import build_provenance


def build_page(
    file: StudyFile, candidates: Sequence[Candidate], told: Tally | None = None, ranks: Sequence[Agreement] = ()
) -> dict[str, Any]:
    """What the script is given.

    Args:
        told: what became of the trials that gave no candidate; None where nobody looked.
        ranks: how well the study's fidelities agree, where somebody looked.
    """
    label = MEASURES[file.search.error]
    drawn = draw_all(file, candidates)
    members, order = build_members(candidates, file)
    return {
        "name": file.study_name,
        "study": file.path.name,
        "measure": {"key": file.search.error, "title": label},
        "refined": file.fidelity == "refined",
        "summary": summary(candidates, label, ranks),
        "members": members,
        "choosable": order,
        "layers": build_layers(file.architecture),
        "key": [
            *({"role": name, "title": one.title, "colour": one.colour, "symbol": one.symbol}
              for name, one in ROLES.items()),
            {"role": "test", "title": f"{label} on the test corpus", "colour": TESTED, "symbol": "triangle-down-open"},
        ],
        "figures": [
            {"name": one.name, "title": one.title.replace("Error rate", label), "note": one.note,
             "spec": drawn[one.name].to_plotly_json()}
            for one in FIGURES if one.name in drawn
        ],
        "provenance": build_provenance(file, told),
    }  # fmt: skip


def summary(candidates: Sequence[Candidate], label: str, ranks: Sequence[Agreement] = ()) -> str:
    """What came out, in a few sentences."""
    on_front = front(candidates)
    mixed = sum(not m.uniform for m in candidates)
    better = [g for m in on_front if (g := gain(m, candidates)) and g.better]
    agreed = "".join(f" Rank agreement (Spearman) of {one}." for one in ranks)
    return (
        f"{mixed} mixed and {len(candidates) - mixed} uniform configurations measured, {len(on_front)} on the "
        f"Pareto front of {label}, storage and estimated runtime. {len(better)} mixed members of the front have a "
        f"{label} below that of the best uniform row that costs no more, beyond the 95 % paired bootstrap interval."
        + agreed
    )
