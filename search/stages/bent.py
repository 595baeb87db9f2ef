"""Rows that are bent where the sensitivities say so: the rest of the model at its floors, but for what stands out.

Whoever was told that the first convolution, which hears raw audio, wants 8-bit activations would write such rows by
hand, and they beat most mixtures; here the sensitivities tell (``tests.benchmarks.grid --told``).
"""

from collections.abc import Iterator, Sequence

from search.front.promote import by_promise
from search.samplers.context import Choices
from search.study.candidate import Candidate
from search.study.records import costs
from search.study.sensitivities import Table
from search.study.study_file import StudyFile
from spaces import Assignment

_BENDS = 2  # rests: with what stands out most a rung above its floor, with the next as well


def bent_rows(file: StudyFile, table: Table | None, rows: Sequence[Candidate], count: int) -> list[Assignment]:
    """At most so many rows with what stands out of the rest of the model raised, those of the best blocks first.

    Args:
        table: sensitivities; without them nothing stands out.
        rows: the grid's, as the supernet scored them.
    """
    space, found = file.search_space, dict[Assignment, None]()
    rests = list(_rests(file, table)) if table else []
    for row in by_promise(rows):
        choices = space.encode(row.assignment)
        for rest in rests:
            found[space.decode({**choices, **rest})] = None
    measured = {row.assignment for row in rows}
    return [one for one in found if one not in measured][:count]


def _rests(file: StudyFile, table: Table) -> Iterator[Choices]:
    """Choices outside the blocks: at the floors but for what raising gains most for its costs, beyond the noise.

    From the floors up, not from the top down: up there the steps of all choices are noise, which would order them.
    """
    space = file.search_space
    outside = [
        name
        for choice in space.choices
        if all(layer.block is None for layer in choice.layers)
        for name in choice.parameters
    ]
    lowest = dict.fromkeys(space.variables, 0)
    most = costs(file, space.decode({name: rungs - 1 for name, rungs in space.variables.items()}))

    def cost(raised: Choices) -> float:
        return sum(one / top for one, top in zip(costs(file, space.decode({**lowest, **raised})), most, strict=True))

    at_floors = dict.fromkeys(outside, 0)
    floors = cost(at_floors)
    noise = max(0.0, *(-loss for name in outside for loss in table[name])) if outside else 0.0
    gains: list[tuple[float, str, int]] = []
    for name in outside:
        floor, *above = table[name]
        if above and floor - min(above) > noise:
            rung = next(i for i, loss in enumerate(above, 1) if loss <= min(above) + noise)
            gains.append(((floor - above[rung - 1]) / max(cost({name: rung}) - floors, 1e-9), name, rung))
    gains.sort(reverse=True)
    for count in range(1, min(_BENDS, len(gains)) + 1):
        yield {**at_floors, **{name: rung for _, name, rung in gains[:count]}}
