"""The group norm of models like HuBERT Base over each utterance's own frames, so that batches can be scored."""

from typing import Any

import torch
from torch import nn


def norm_by_utterance(model: nn.Module) -> None:
    """Put an ``UtteranceNorm`` in the place of the first convolution's group norm; the model's encoder is given."""
    first: Any = model.get_submodule("feature_extractor.conv_layers.0")
    first.layer_norm = UtteranceNorm(first.layer_norm)
    model.register_forward_pre_hook(_tell_lengths, with_kwargs=True)


class UtteranceNorm(nn.GroupNorm):
    """The group norm behind HuBERT Base's first convolution, over each utterance's own frames.

    transformers normalises over the padding as well, so that an utterance sounds different in every batch, and tells
    to leave out the attention mask. Here an utterance in a batch, with its mask, is what it is alone. Without a mask
    it is the group norm of one channel a group that it replaces, whose weights it takes over.
    """

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__(norm.num_groups, norm.num_channels, norm.eps)
        self.weight, self.bias = norm.weight, norm.bias
        self.lengths: torch.Tensor | None = None

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Normalise (batch, channels, frames); in float32, as autocast does."""
        if self.lengths is None:
            return super().forward(frames)
        own = torch.arange(frames.shape[-1], device=frames.device) < self.lengths[:, None, None]
        count, values = self.lengths[:, None, None], frames.float()
        centred = (values - (values * own).sum(-1, keepdim=True) / count) * own
        variance = centred.square().sum(-1, keepdim=True) / count
        return centred * (variance + self.eps).rsqrt() * self.weight[:, None] + self.bias[:, None]


def _tell_lengths(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Before a HubertModel runs: how many frames of its first convolution each utterance of the mask has."""
    mask = kwargs.get("attention_mask")
    first: Any = model.get_submodule("feature_extractor.conv_layers.0")
    kernel, stride = first.conv.kernel_size[0], first.conv.stride[0]
    first.layer_norm.lengths = None if mask is None else (mask.sum(-1) - kernel) // stride + 1
