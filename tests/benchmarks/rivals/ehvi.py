"""A rival: BoTorch's qLogNEHVI (arXiv 2310.20708) with storage and runtime as known objectives.

A Gaussian process over the rungs stands for the logarithm of the WER alone; the costs are functions. The acquisition is
maximised over the rungs by BoTorch's local search, from members of the front and at random.
"""

import numpy as np
import torch
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.objective import GenericMCMultiOutputObjective
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.transforms import Standardize
from botorch.optim import optimize_acqf_discrete_local_search
from botorch.sampling.normal import SobolQMCNormalSampler
from gpytorch.mlls import ExactMarginalLogLikelihood

from search.hypervolume import reference_beyond
from tests.benchmarks.rivals.observed import Costs, Observed, Rival

_DRAWS, _STARTS, _RANDOM = 64, 3, 128


class EhviSampler(Rival):
    """See the module.

    Args:
        costs: storage and runtime of some choices.
        baselines: how many of the first trials fix the reference of the hypervolume.
    """

    def __init__(self, costs: Costs, baselines: int, seed: int) -> None:
        self._costs, self._baselines, self._seed = costs, baselines, seed
        super().__init__(seed)

    def propose(self, seen: Observed) -> np.ndarray | None:
        """What maximises the acquisition, among what was never asked for."""
        torch.manual_seed(self._seed)
        levels = [torch.linspace(0, 1, int(n), dtype=torch.double) for n in seen.sizes]
        known = torch.tensor(seen.scale(np.array(sorted(seen.known))), dtype=torch.double)
        best, _ = optimize_acqf_discrete_local_search(
            self._acquisition(seen), levels, q=1, num_restarts=_STARTS, raw_samples=_RANDOM, X_avoid=known,
            max_batch_size=256,
        )  # fmt: skip
        return np.rint(best[0].numpy() * (seen.sizes - 1))

    def _acquisition(self, seen: Observed) -> qLogNoisyExpectedHypervolumeImprovement:
        inputs = torch.tensor(seen.scaled, dtype=torch.double)
        process = SingleTaskGP(inputs, torch.tensor(seen.logs)[:, None], outcome_transform=Standardize(1))
        fit_gpytorch_mll(ExactMarginalLogLikelihood(process.likelihood, process))
        measured = np.column_stack([np.exp(seen.logs), seen.costs(seen.rungs, self._costs)])
        scale = torch.tensor(reference_beyond(measured[: self._baselines]))

        def objective(samples: torch.Tensor, X: torch.Tensor) -> torch.Tensor:  # noqa: N803 - its name
            rows = np.rint(X.reshape(-1, X.shape[-1]).numpy() * (seen.sizes - 1))
            exact = torch.tensor(seen.costs(rows, self._costs)).reshape(*X.shape[:-1], 2)
            return -torch.cat([samples.exp(), exact.expand(*samples.shape[:-1], 2)], -1) / scale

        return qLogNoisyExpectedHypervolumeImprovement(
            process, ref_point=[-1.0] * 3, X_baseline=inputs, prune_baseline=True,
            sampler=SobolQMCNormalSampler(torch.Size([_DRAWS]), seed=self._seed),
            objective=GenericMCMultiOutputObjective(objective),
        )  # fmt: skip
