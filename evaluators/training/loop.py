"""The one training loop: AdamW, warm-up and cosine, clipped gradients, resume points in safetensors."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from evaluators.errors import DivergedError
from evaluators.models.tensors import read_metadata, save_tensors
from evaluators.training.ranks import ALONE, Ranks

_CLIP = 1.0
_LEFT_OUT = 3  # steps in a row whose loss or gradient is not finite: a rare one is left out, as many are a divergence
_SCALES_RATE = 10.0  # times the weights' rate: a step of Adam at that would move a log scale by a thousandth


@dataclass
class ResumePoint:
    """A file that a long run writes every so many steps and goes on from when it is started again."""

    path: Path
    every: int


def cosine(step: int, steps: int, warmup: float) -> float:
    """Share of the peak learning rate at a step: a linear rise, then half a cosine down to zero."""
    rise = warmup * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1.0, steps - rise)))


def parameter_groups(module: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weight decay for matrices alone, not for biases, norms and quantizers; a faster rate for quantizer scales.

    ``rate`` is a group's share of the learning rate.
    """
    decayed: list[torch.nn.Parameter] = []
    plain: list[torch.nn.Parameter] = []
    scales: list[torch.nn.Parameter] = []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            matrix = parameter.ndim > 1 and "quantizer" not in name
            (scales if ".log_scale." in name else decayed if matrix else plain).append(parameter)
    return [
        {"params": decayed, "weight_decay": weight_decay, "rate": 1.0},
        {"params": plain, "weight_decay": 0.0, "rate": 1.0},
        {"params": scales, "weight_decay": 0.0, "rate": _SCALES_RATE},
    ]


def optimise(
    module: torch.nn.Module,
    losses: Callable[[int], Iterable[torch.Tensor]],
    *,
    steps: int,
    learning_rate: float,
    warmup: float | None,
    weight_decay: float = 0.0,
    resume: ResumePoint | None = None,
    ranks: Ranks = ALONE,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Take optimizer steps until ``steps``.

    Args:
        module: its parameters that require gradients are trained, in place.
        losses: the losses of a step, each back-propagated as it comes so that only one graph lives at a time; their
            gradients add up.
        warmup: share of the steps in which the rate rises, before it falls as a cosine; None for a constant rate.
        resume: where to keep weights and optimizer state between runs; the caller skips the data that was seen.
        ranks: who trains together; ``losses`` are of this process's part of a step.
        on_step: called with the number of finished steps and the step's summed loss.

    Raises:
        DivergedError: if the last loss or gradient, or three in a row, are not finite; one that is not is left out.
    """
    groups = parameter_groups(module, weight_decay)
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-8, fused=True)
    trained = [p for group in optimiser.param_groups for p in group["params"]]
    start = _restore(module, optimiser, resume) if resume else 0
    left_out = 0
    for step in range(start, steps):
        for group in optimiser.param_groups:
            group["lr"] = group["rate"] * learning_rate * (1.0 if warmup is None else cosine(step, steps, warmup))
        total = 0.0
        for loss in losses(step):
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        ranks.add_gradients(trained)
        total = float(ranks.total(torch.tensor(total, device=trained[0].device)))
        norm = float(torch.nn.utils.clip_grad_norm_(trained, _CLIP))
        left_out = 0 if math.isfinite(total) and math.isfinite(norm) else left_out + 1
        if left_out == _LEFT_OUT or (left_out and step + 1 == steps):
            raise DivergedError(f"the loss is {total} at step {step + 1}; lower the learning rate")
        if not left_out:
            optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if resume and ranks.first and (step + 1) % resume.every == 0:
            _keep(module, optimiser, step + 1, resume.path)
        if on_step and not left_out:
            on_step(step + 1, total)


def steps_done(path: Path) -> int:
    """How many steps a resume point holds; 0 where there is none."""
    return int(read_metadata(path)["step"]) if path.exists() else 0


def _keep(module: torch.nn.Module, optimiser: torch.optim.Optimizer, step: int, path: Path) -> None:
    tensors = {f"model.{k}": v.contiguous() for k, v in module.state_dict().items()}
    for name, parameter in module.named_parameters():
        for key, value in optimiser.state.get(parameter, {}).items():
            tensors[f"{key}.{name}"] = value
    save_tensors(tensors, path, {"step": str(step)})


def _restore(module: torch.nn.Module, optimiser: torch.optim.Optimizer, resume: ResumePoint) -> int:
    start = steps_done(resume.path)
    if start:
        tensors = load_file(resume.path)
        module.load_state_dict({k: tensors[f"model.{k}"] for k in module.state_dict()})
        for name, parameter in module.named_parameters():
            state = {k: tensors[f"{k}.{name}"] for k in ("step", "exp_avg", "exp_avg_sq") if f"{k}.{name}" in tensors}
            if state:
                optimiser.state[parameter] = {k: v.to(parameter.device) for k, v in state.items()}
    return start
