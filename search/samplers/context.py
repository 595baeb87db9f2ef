"""What a sampler is told of a study."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

Choices = dict[str, int]
Table = Mapping[str, Sequence[float]]
SamplerAt = Callable[[int], "BaseSampler"]  # by the number of trials asked before


@dataclass(frozen=True)
class SamplerContext:
    """What a sampler may know of a study.

    Attributes:
        costs: storage and runtime of some choices, by arithmetic.
        seed: the proposals follow from it and from the study.
        limits: upper bounds of WER, storage and runtime: what lies above them counts for nothing, and no proposal of
            ours exceeds those of storage and runtime.
        baselines: how many of the first trials fix the reference of the hypervolume; in a study, its uniform rows.
        sensitivity: what each rung of each choice adds to the loss over its top rung, lowest rung first, where known.
        proxies: choices and the WER that a cheap proxy gave them, where known; they are candidates as well.
        bundles: parameters that are worth moving together, such as those of one group in all blocks.
        rows: choices of configurations that a person would write by hand; they are candidates from the start.
        at_once: how many candidates to choose at the least before the surrogate is asked again.
    """

    costs: Callable[[Choices], tuple[float, float]]
    seed: int
    limits: tuple[float, float, float] = (float("inf"),) * 3
    baselines: int = 5
    sensitivity: Table | None = None
    proxies: Sequence[tuple[Choices, float]] = ()
    bundles: Sequence[Sequence[str]] = ()
    rows: Sequence[Choices] = ()
    at_once: int = 1
