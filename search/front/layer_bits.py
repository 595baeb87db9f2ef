"""What the mixtures of a front give each layer, and how far two fronts agree on which layers want bits."""

from collections.abc import Mapping, Sequence
from math import log2
from typing import Literal, NamedTuple

import pandas as pd

from search.front.pareto import front
from search.study.candidate import Candidate
from spaces.architecture import Layer

Side = Literal["weight", "activation"]


class LayerBits(NamedTuple):
    """Mean bits of a layer over the mixtures of a front, as geometric means; ``weight`` is None for a product."""

    module: str
    block: int | None
    weight: float | None
    activation: float


def layer_bits(candidates: Sequence[Candidate], layers: Sequence[Layer]) -> dict[str, LayerBits]:
    """Of every layer by name; empty where no mixture is on the front."""
    mixed = [m.assignment for m in front(candidates) if not m.uniform]

    def mean(bits: Sequence[float]) -> float:
        return float(2 ** (sum(map(log2, bits)) / len(bits)))

    return {
        layer.name: LayerBits(
            layer.module,
            layer.block,
            mean([a[layer.name].weight.bits for a in mixed]) if layer.weights else None,
            mean([a[layer.name].activation.bits for a in mixed]),
        )
        for layer in (layers if mixed else ())
    }


def rank_agreement(one: Mapping[str, LayerBits], other: Mapping[str, LayerBits], side: Side) -> float | None:
    """Spearman's rank correlation of the bits of the layers that both have.

    None where they have fewer than three in common, or one of them gives all the same.
    """
    pairs = [(getattr(one[name], side), getattr(other[name], side)) for name in one.keys() & other.keys()]
    ranks = pd.DataFrame([p for p in pairs if None not in p], columns=["one", "other"]).rank()
    if len(ranks) < 3 or (ranks.nunique() < 2).any():
        return None
    return float(ranks["one"].corr(ranks["other"]))
