"""Problems on which samplers are compared in seconds: the pocket study's recorded table, and two of known fronts."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import moocore
import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import KFold

from search.hypervolume import hypervolume, reference_beyond
from search.samplers.wer_model import SensitivityPrior
from search.study.records import costs as study_costs
from search.study.study_file import StudyFile

Choices = dict[str, int]
Costs = tuple[float, float, float]
TABLE = Path("studies/pocket/table.csv")
STUDY = Path("studies/pocket/table.toml")


@dataclass(frozen=True)
class Problem:
    """A search without training.

    Attributes:
        rungs: name and number of rungs of every choice.
        first: what every sampler measures before it proposes anything; on the table the rows of the grid.
        noise: standard deviation of the log WER that a sampler is told.
        costs: storage and runtime, known beforehand.
        wer: what has to be measured.
        reference: of the hypervolume.
        best: the hypervolume of the front, where it is known in closed form.
        lost: what a rung adds to the WER on its own, for the greedy path; lowest rung first.
        proxies: choices and what the supernet makes of them without a step, where that was recorded.
    """

    name: str
    rungs: dict[str, int]
    first: list[Choices]
    costs: Callable[[Choices], tuple[float, float]]
    wer: Callable[[Choices], float]
    reference: Costs
    best: float | None
    lost: dict[str, list[float]]
    proxies: list[tuple[Choices, float]] = field(default_factory=list)
    noise: float = 0.0


def additive(pairs: bool = False) -> Problem:
    """Ten choices of four rungs: bits cost storage and runtime at integer prices, harm adds up (or grows in pairs).

    Its front follows by dynamic programming over the two costs.
    """
    rng = np.random.default_rng(11 + pairs)
    bits, count = (1, 2, 4, 8), 10
    storage, runtime = rng.integers(1, 4, count), rng.integers(1, 4, count)
    harm = rng.lognormal(0, 1.2, count)
    harm *= 85 / harm.sum()
    shape = np.array([1.0, 0.3, 0.08, 0.0])
    names = [f"x{i}" for i in range(count)]
    top = (8 * storage.sum(), 8 * runtime.sum())

    def pair_loss(i: int, a: int, b: int) -> float:
        plain = harm[i] * shape[a] + harm[i + 1] * shape[b]
        return float(plain * (1 + 0.5 * shape[a] * shape[b])) if pairs else float(plain)

    def wer(c: Choices) -> float:
        return 5 + sum(pair_loss(i, c[names[i]], c[names[i + 1]]) for i in range(0, count, 2))

    def costs(c: Choices) -> tuple[float, float]:
        level = np.array([bits[c[n]] for n in names])
        return float(storage @ level / top[0]), float(runtime @ level / top[1])

    best = np.full((top[0] + 1, top[1] + 1), np.inf)
    best[0, 0] = 5.0
    for i in range(0, count, 2):
        grown = np.full_like(best, np.inf)
        for a, b in itertools.product(range(4), repeat=2):
            s = storage[i] * bits[a] + storage[i + 1] * bits[b]
            r = runtime[i] * bits[a] + runtime[i + 1] * bits[b]
            moved = best[: best.shape[0] - s, : best.shape[1] - r] + pair_loss(i, a, b)
            grown[s:, r:] = np.minimum(grown[s:, r:], moved)
        best = grown
    found = np.argwhere(np.isfinite(best))
    points = np.column_stack([best[tuple(found.T)], found[:, 0] / top[0], found[:, 1] / top[1]])
    front = points[moocore.is_nondominated(points)]
    reference = (100.0, 1.01, 1.01)
    return Problem(
        "pairs" if pairs else "additive", dict.fromkeys(names, 4), [dict.fromkeys(names, r) for r in (3, 2, 1, 0)],
        costs, wer, reference, hypervolume([tuple(p) for p in front.tolist()], reference),
        {n: [float(harm[i] * s) for s in shape] for i, n in enumerate(names)},
    )  # fmt: skip


def recorded(sensitivity: dict[str, list[float]]) -> Problem:
    """The recorded table: what was measured is looked up, what was not is filled by a model fitted to all of it.

    Almost every look-up of a sampler is of that model. It knows nothing that our sampler proposed for the front, and
    what is told of it is as noisy as the development corpus was.
    """
    file = StudyFile.load(STUDY)
    space = file.search_space
    table = pd.read_csv(TABLE)
    table = table[table["source"] != "front"]
    names = list(space.variables)
    known = {tuple(row): wer for row, wer in zip(table[names].to_numpy().tolist(), table["wer"], strict=True)}
    model = _fit(table[names].to_numpy(), np.log(table["wer"].to_numpy()))

    @cache
    def wer_of(choices: tuple[int, ...]) -> float:
        measured = known.get(choices)
        return float(np.exp(model(np.array([choices]))[0])) if measured is None else float(measured)

    @cache
    def costs_of(choices: tuple[int, ...]) -> tuple[float, float]:
        return study_costs(file, space.decode(dict(zip(names, choices, strict=True))))

    uniform = [space.encode(a) for a in file.uniform.values()]
    reference = reference_beyond([(wer_of(c), *costs_of(c)) for c in (tuple(u[n] for n in names) for u in uniform)])
    grid = [space.encode(space.rows.of(f"w{w}a{a}")) for w in (1, 2, 4, 8) for a in (2, 4, 8, 16)]
    first = uniform + [row for row in grid if row not in uniform]
    spread = (table["wer_high"] - table["wer_low"]) / 3.92 / table["wer"]
    return Problem(
        "pocket", space.variables, first, lambda c: costs_of(tuple(c[n] for n in names)),
        lambda c: wer_of(tuple(c[n] for n in names)), reference, None, sensitivity,
        list(zip(table[names].to_dict("records"), table["supernet_wer"].tolist(), strict=True)),
        noise=float(spread.median()) / 2,  # candidates hear the same utterances: half of it is common to all
    )  # fmt: skip


def _fit(rungs: np.ndarray, target: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Kernel ridge regression on one-hot rungs: not of the sampler's own family, so as not to favour it."""
    levels = int(rungs.max()) + 1

    def features(x: np.ndarray) -> np.ndarray:
        return np.eye(levels)[x].reshape(len(x), -1)

    mean = target.mean()
    model = KernelRidge(alpha=0.05, kernel="rbf", gamma=0.02).fit(features(rungs), target - mean)
    return lambda x: np.asarray(model.predict(features(x)) + mean)


def agreements(sensitivity: dict[str, list[float]]) -> dict[str, float]:
    """How what costs no finetune foretells the table's WERs: Spearman's rank correlations, and one with log WER."""
    table = pd.read_csv(TABLE)
    summed = SensitivityPrior(sensitivity, list(sensitivity)).features(table[list(sensitivity)].to_numpy())[:, 0]
    return {
        "ranks of the supernet's WER without a step": float(spearmanr(table["supernet_wer"], table["wer"]).statistic),
        "ranks of the summed sensitivities": float(spearmanr(summed, table["wer"]).statistic),
        "summed sensitivities and log WER": float(np.corrcoef(summed, np.log(table["wer"]))[0, 1]),
    }


def held_out_error() -> float:
    """Root mean squared error of log WER of the table's model, by ten-fold cross-validation."""
    file = StudyFile.load(STUDY)
    table = pd.read_csv(TABLE)
    rungs, target = table[list(file.search_space.variables)].to_numpy(), np.log(table["wer"].to_numpy())
    errors = []
    for train, test in KFold(10, shuffle=True, random_state=0).split(rungs):
        errors.append(_fit(rungs[train], target[train])(rungs[test]) - target[test])
    return float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))
