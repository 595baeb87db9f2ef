"""The forward pass of a CTC model: logits of a batch, and how many frames of them count."""

import contextlib
from typing import Any

import torch

from evaluators.data.batches import Batch

CtcModel = (
    Any  # a model of transformers with a CTC head, or whatever has its config and gives logits, like SUPERB's head
)


def frames(model: CtcModel, batch: Batch) -> torch.Tensor:
    """Output frames of each utterance, int64 (batch,)."""
    return model._get_feat_extract_output_lengths(batch.mask.sum(-1))


def valid_frames(model: CtcModel, batch: Batch, count: int) -> torch.Tensor:
    """Which of ``count`` frames lie within their utterance, bool (batch, frames)."""
    lengths = frames(model, batch)
    return torch.arange(count, device=lengths.device)[None] < lengths[:, None]


def logits(model: CtcModel, batch: Batch) -> torch.Tensor:
    """Float32 logits (batch, frames, vocabulary) under the device's mixed precision."""
    with mixed_precision(batch.audio.device):
        return model(batch.audio, attention_mask=batch.mask).logits.float()


def arithmetic(device: torch.device) -> torch.dtype:
    """What the device computes products in: bf16 on CUDA and on CPUs with AVX-512 BF16, else float32.

    Scores of one and the other differ, so it belongs to what a score is compared by.
    """
    fast = device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if fast else torch.float32


def device_name(device: torch.device) -> str:
    """What the device is called, such as ``NVIDIA H100 80GB HBM3`` or ``CPU with AVX512``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU with {torch.backends.cpu.get_cpu_capability()}"


def mixed_precision(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Autocast to what the device computes in, where that is not float32."""
    dtype = arithmetic(device)
    return contextlib.nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)
