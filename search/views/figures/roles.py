"""What each candidate is, and how it is drawn wherever it is drawn."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from search.front.pareto import front, is_tied
from search.study.candidate import Candidate
from search.views.figures.style import FRONT, GREY, PAPER, ROW

_PAPERS = ("w2a2", "w1a1")  # the configurations of arXiv 2301.00652 that the search has to beat


class Role(NamedTuple):
    """How candidates of a kind are drawn: what the key calls them, colour, symbol, size in pixels."""

    title: str
    colour: str
    symbol: str
    size: int


# what is drawn last lies on top
ROLES = {
    "dominated": Role("measured, dominated", GREY, "circle", 5),
    "tied": Role("dominated, but not by a significant error rate", GREY, "circle-open", 8),
    "row": Role("uniform: the grid", ROW, "diamond", 9),
    "paper": Role("uniform: the paper's w2a2 and w1a1", PAPER, "square", 10),
    "front": Role("mixed, on the front", FRONT, "circle", 10),
}


def roles(candidates: Sequence[Candidate]) -> dict[Candidate, str]:
    """The role of each candidate, in the order of rising storage."""
    return _roles(tuple(candidates))


@lru_cache(maxsize=2)  # every figure asks, and ties are dear
def _roles(candidates: tuple[Candidate, ...]) -> dict[Candidate, str]:
    on_front = front(candidates)
    members = set(on_front)

    def role(one: Candidate) -> str:
        if one.uniform:
            return "paper" if one.name in _PAPERS else "row"
        if one in members:
            return "front"
        return "tied" if is_tied(one, on_front) else "dominated"

    return {one: role(one) for one in sorted(candidates, key=lambda m: (m.storage_mb, m.runtime))}
