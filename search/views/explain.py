"""A pick explained: what binds, what lies next to it, what it gains, where its bits are."""

from collections.abc import Iterator, Sequence
from typing import Any

from search.front.pareto import gain
from search.front.pick import Pick, named
from search.study.candidate import Candidate
from search.study.study_file import StudyFile
from search.views.table import row
from spaces import Architecture, Assignment, Layer

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_WIDEST = 16  # characters, of as many bits


def print_pick(file: StudyFile, chosen: Pick, everyone: Sequence[Candidate]) -> None:
    """Print what was picked, and why."""
    for line in (*explanation(chosen, everyone), "", *bit_bars(chosen.candidate.assignment, file.architecture)):
        print(line)
    print(f"\n{chosen.candidate.assignment.short(file.architecture)}")


def explanation(chosen: Pick, everyone: Sequence[Candidate]) -> Iterator[str]:
    """Lines that say what was picked, why, and what else there was."""
    one = chosen.candidate
    yield (
        f"{one.name}: {one.label} {one.error:.2f} % [{one.error_low:.2f}, {one.error_high:.2f}], "
        f"{one.storage_mb:.3f} MB, runtime {one.runtime:.3f} of fp16"
    )
    yield f"why: {chosen.reason}"
    yield f"binds: {' and '.join(named(key, one.measure) for key in chosen.binding) or 'no budget'}"
    yield f"test: {_on_test(one)}"
    own = gain(one, everyone)
    yield f"gain: {_row_text(one) if own is None else f'{own}, the best uniform row of no more bytes and runtime'}"
    for what, near in (("up", chosen.up), ("down", chosen.down)):
        yield f"{what}: {'none' if near is None else f'{near.name}: {price(one, near)}'}"
    for doubt in chosen.warnings:
        yield f"but: {doubt}"


def price(one: Candidate, other: Candidate) -> str:
    """What it takes and gives to have the other one instead."""
    return (
        f"{other.error - one.error:+.2f} {one.label} points, {other.storage_mb - one.storage_mb:+.3f} MB, "
        f"{other.runtime - one.runtime:+.3f} runtime"
    )


def explained(chosen: Pick, everyone: Sequence[Candidate]) -> dict[str, Any]:
    """The same as flat data: the member's row, and what was said of it."""
    return {
        **row(chosen.candidate, everyone),
        "reason": chosen.reason,
        "estimate": round(chosen.estimate, 4),
        "binding": list(chosen.binding),
        "down": chosen.down.name if chosen.down else None,
        "up": chosen.up.name if chosen.up else None,
        "warnings": list(chosen.warnings),
    }


def _on_test(one: Candidate) -> str:
    test, second = one.on_test, one.on_other
    if test is None:
        return "not scored on the test corpus"
    text = f"{one.label} {test.percent:.2f} % [{test.low:.2f}, {test.high:.2f}] on the test corpus"
    other = f", {second.percent:.2f} % on the other one" if second else ""
    return f"{text}{other}, {one.error:.2f} % on the development corpus that chose it"


def _row_text(one: Candidate) -> str:
    return "none, it is a uniform row itself" if one.uniform else "no uniform row costs as little"


def bit_bars(assignment: Assignment, architecture: Architecture) -> Iterator[str]:
    """Mean bits of each block and of each group outside them, as bars of a character a bit."""
    places: dict[str, list[Layer]] = {}
    for layer in architecture.layers:
        place = layer.group.replace("_", " ") if layer.block is None else f"block {layer.block}"
        places.setdefault(place, []).append(layer)
    width = max(map(len, places))
    yield f"{'':<{width}}  {'bits of weights':<{_WIDEST + 6}}  bits of activations"
    for place, layers in places.items():
        weighted = [layer for layer in layers if layer.weights]
        count = sum(layer.weights for layer in weighted)
        weights = sum(layer.weights * assignment[layer.name].weight.bits for layer in weighted) / count
        activations = sum(assignment[layer.name].activation.bits for layer in layers) / len(layers)
        yield f"{place:<{width}}  {_bar(weights):<{_WIDEST + 6}}  {_bar(activations)}".rstrip()


def _bar(bits: float) -> str:
    whole, eighths = divmod(round(8 * bits), 8)
    return f"{bits:>4.1f} {'█' * whole}{_EIGHTHS[eighths] if eighths else ''}"
