"""Candidates among which the sampler chooses: the sensitivity-greedy paths, and children of the front."""

import heapq
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from search.samplers.context import Choices, Table


def greedy_path(rungs: Mapping[str, int], table: Table, saved: Callable[[Choices, str], float]) -> list[Choices]:
    """From the top to the bottom, each time the step that adds the least divergence for the cost it saves.

    What AIMET's and ModelOpt's automatic mixed precision do, without their finetune: it takes layers to add up. Prices
    are kept in a heap and looked at again when their turn comes, since a step changes few other prices.

    Args:
        rungs: name and number of rungs of every choice.
        table: what each rung of each choice adds over the top rung, lowest rung first.
        saved: by how much the next step down of a choice lowers the cost, where all stand as they do.
    """
    choices = {name: count - 1 for name, count in rungs.items()}
    path = [dict(choices)]

    def price(name: str) -> float:
        added = table[name][choices[name] - 1] - table[name][choices[name]]
        return added / max(saved(choices, name), 1e-9)

    heap = [(price(name), name) for name in choices if choices[name]]
    heapq.heapify(heap)
    while heap:
        _, name = heapq.heappop(heap)
        current = price(name)
        if heap and current > heap[0][0] + 1e-15:
            heapq.heappush(heap, (current, name))
            continue
        choices[name] -= 1
        path.append(dict(choices))
        if choices[name]:
            heapq.heappush(heap, (price(name), name))
    return path


def saving(cost: Callable[[Choices], float]) -> Callable[[Choices, str], float]:
    """What a step down saves, by asking for the cost before and behind it."""
    return lambda choices, name: cost(choices) - cost({**choices, name: choices[name] - 1})


def children(
    front: np.ndarray, sizes: np.ndarray, bundles: Sequence[np.ndarray], count: int, rng: np.random.Generator
) -> np.ndarray:
    """Candidates near some assignments, from coarse moves to fine ones; (count, choices).

    A third moves one or two bundles as a whole, a quarter takes bundles of another assignment, a tenth mixes two
    levels, and the rest moves a few single choices.

    Args:
        front: rungs of the assignments, (members, choices).
        sizes: number of rungs of every choice.
        bundles: indices of choices that are worth moving together.
    """
    found = []
    for _ in range(count):
        kind = rng.random()
        child = front[rng.integers(len(front))].copy()
        if bundles and kind < 0.35:
            for _ in range(int(rng.integers(1, 3))):
                bundle = bundles[int(rng.integers(len(bundles)))]
                child[bundle] += rng.choice([-1, -1, 1])
        elif kind < 0.6:
            child = _crossed(child, front[rng.integers(len(front))], bundles, rng)
        else:
            if kind < 0.7:
                low, high = np.sort(rng.integers(0, sizes.max(), 2))
                child = np.where(rng.random(len(sizes)) < rng.random(), low, high)
            moved = rng.choice(len(sizes), size=min(len(sizes), int(rng.integers(1, 5))), replace=False)
            child[moved] += rng.choice([-2, -1, -1, 1, 1, 2], size=len(moved))
        found.append(np.clip(child, 0, sizes - 1))
    return np.array(found)


def _crossed(one: np.ndarray, other: np.ndarray, bundles: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Some bundles of the other, or single choices where there are no bundles."""
    if not bundles or rng.random() < 0.3:
        return np.where(rng.random(len(one)) < rng.random(), one, other)
    for _ in range(int(rng.integers(1, 4))):
        bundle = bundles[int(rng.integers(len(bundles)))]
        one[bundle] = other[bundle]
    return one
