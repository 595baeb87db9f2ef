"""Processes that train one model together: each works through its part of every batch, gradients and losses add up.

``DistributedDataParallel`` would want one forward pass a step that reaches every parameter. A step of the supernet has
two, of different widths, and leaves the scales of all others alone; so gradients are added once they are complete.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True)
class Ranks:
    """A process among those that train together; alone where ``size`` is 1.

    More than one need a process group of ``torch.distributed``.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes what is kept."""
        return self.rank == 0

    def total(self, own: Tensor) -> Tensor:
        """The sum over all processes of a tensor that each has in one shape."""
        if self.size > 1:
            own = own.clone()
            distributed.all_reduce(own)
        return own

    def add_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Make every gradient the sum over all processes; None stays where no process has one."""
        if self.size == 1:
            return
        device = parameters[0].device
        there = self.total(torch.tensor([float(p.grad is not None) for p in parameters], device=device))
        reached = [p for p, count in zip(parameters, there.tolist(), strict=True) if count]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in reached])
        distributed.all_reduce(flat)
        for parameter, summed in zip(reached, torch.split(flat, [p.numel() for p in reached]), strict=True):
            parameter.grad = summed.view_as(parameter)


ALONE = Ranks()
