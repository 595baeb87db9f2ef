"""Candidates among which the sampler chooses: the sensitivity-greedy paths, and children of the front."""

import heapq
from collections.abc import Callable, Mapping

import numpy as np

from search.samplers.make import Choices, Table


def greedy_path(rungs: Mapping[str, int], table: Table, cost: Callable[[Choices], float]) -> list[Choices]:
    """From the top to the bottom, each time the step that adds the least divergence for the cost it saves.

    What AIMET's and ModelOpt's automatic mixed precision do, without their finetune: it takes layers to add up. Prices
    are kept in a heap and looked at again when their turn comes, since a step changes few other prices.

    Args:
        rungs: name and number of rungs of every choice.
        table: what each rung of each choice adds over the top rung, lowest rung first.
        cost: what is to be saved.
    """
    choices = {name: count - 1 for name, count in rungs.items()}
    path, now = [dict(choices)], cost(choices)

    def price(name: str) -> float:
        saved = max(now - cost({**choices, name: choices[name] - 1}), 1e-9)
        return (table[name][choices[name] - 1] - table[name][choices[name]]) / saved

    heap = [(price(name), name) for name in choices if choices[name]]
    heapq.heapify(heap)
    while heap:
        _, name = heapq.heappop(heap)
        current = price(name)
        if heap and current > heap[0][0] + 1e-15:
            heapq.heappush(heap, (current, name))
            continue
        choices[name] -= 1
        now = cost(choices)
        path.append(dict(choices))
        if choices[name]:
            heapq.heappush(heap, (price(name), name))
    return path


def children(front: np.ndarray, sizes: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Neighbours and crossings of some assignments, and mixtures of two levels; (count, choices).

    Args:
        front: rungs of the assignments, (members, choices).
        sizes: number of rungs of every choice.
    """
    found = []
    for _ in range(count):
        kind = rng.random()
        child = front[rng.integers(len(front))].copy()
        if kind < 0.3:
            other = front[rng.integers(len(front))]
            child = np.where(rng.random(len(sizes)) < rng.random(), child, other)
        elif kind < 0.45:
            low, high = np.sort(rng.integers(0, sizes.max(), 2))
            child = np.where(rng.random(len(sizes)) < rng.random(), low, high)
        moved = rng.choice(len(sizes), size=min(len(sizes), int(rng.integers(1, 5))), replace=False)
        child[moved] += rng.choice([-2, -1, -1, 1, 1, 2], size=len(moved))
        found.append(np.clip(child, 0, sizes - 1))
    return np.array(found)
