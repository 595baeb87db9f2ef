"""What transformers lets leak from the padding into an utterance, kept out, so that batches can be scored.

HuBERT Base's group norm hears all frames of a batch; data2vec's stack of positional convolutions hears what its first
ones made of the padding.
"""

from typing import Any

import torch
from torch import nn


def keep_padding_out(model: nn.Module) -> None:
    """Let an utterance in a batch, with its mask, be what it is alone; a model's encoder is given, and changed."""
    first: Any = model.get_submodule("feature_extractor.conv_layers.0")
    if isinstance(getattr(first, "layer_norm", None), nn.GroupNorm):
        first.layer_norm = UtteranceNorm(first.layer_norm)
        model.register_forward_pre_hook(_tell_lengths, with_kwargs=True)
    stack: Any = getattr(model.get_submodule("encoder.pos_conv_embed"), "layers", ())
    for layer in stack[1:]:  # transformers silences what the first one hears
        layer.register_forward_pre_hook(_silence)
    model.register_forward_pre_hook(_tell_frames, with_kwargs=True)


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


def _tell_frames(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Before the encoder runs: which output frames lie within their utterance, bool (batch, 1, frames).

    Every convolution of the positions is told; where it quantizes, what was rounded of padding is no silence.
    """
    own: Any = model
    mask, audible = kwargs.get("attention_mask"), None
    if mask is not None:
        lengths = own._get_feat_extract_output_lengths(mask.sum(-1))
        frames = int(own._get_feat_extract_output_lengths(mask.shape[-1]))
        audible = torch.arange(frames, device=mask.device) < lengths[:, None, None]
    convolutions: list[Any] = [m for m in own.encoder.pos_conv_embed.modules() if isinstance(m, nn.Conv1d)]
    for convolution in convolutions:
        convolution.audible = audible


def _silence(layer: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Zeros for padding in (batch, channels, frames), as a convolution pads an utterance alone."""
    own: Any = layer
    audible = own.conv.audible
    return args if audible is None else (args[0] * audible, *args[1:])
