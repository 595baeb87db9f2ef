"""SUPERB's speech recognition on a frozen speech model (Yang et al., 2021, arXiv 2105.01051), the paper's protocol.

A learned weighted sum of the blocks' outputs goes through two bidirectional LSTM layers of 1024 and a CTC output.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers.modeling_outputs import CausalLMOutput

from evaluators.data.vocabulary import Vocabulary
from evaluators.models.forward import CtcModel, mixed_precision
from evaluators.models.tensors import load_weights, read_tensors
from evaluators.settings import SuperbSettings
from spaces.errors import UserError

_FRAME_MASKS, _CHANNEL_MASKS = (2, 40), (4, 50)  # spans an utterance, and the widest; without time warping
_MASKED_AT_MOST = 0.2  # of the frames or channels by one span: a small head would hear nothing


class SuperbHead(nn.Module):
    """Weighted sum of hidden states, a linear layer, LSTM layers, logits, as in s3prl's recipe.

    In training SpecAugment (Park et al., 2019) masks channels and frames of what goes into the LSTMs.

    Args:
        states: how many hidden states there are: the blocks' outputs and what goes into the first.
        hidden: their width.
        vocabulary: outputs.
    """

    def __init__(self, states: int, hidden: int, vocabulary: int, settings: SuperbSettings) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(states))
        self.projection = nn.Linear(hidden, settings.width)
        self.lstm = nn.LSTM(
            settings.width,
            settings.width,
            settings.layers,
            batch_first=True,
            bidirectional=True,
            dropout=settings.dropout,
        )
        self.out = nn.Linear(2 * settings.width, vocabulary)

    def forward(self, states: tuple[Tensor, ...], lengths: Tensor) -> Tensor:
        """Float32 logits (batch, frames, vocabulary) of states (batch, frames, hidden), each up to its length."""
        shares = self.weights.softmax(0)
        summed = torch.stack([share * state.float() for share, state in zip(shares, states, strict=True)]).sum(0)
        inputs = self.projection(summed)
        inputs = _masked(inputs) if self.training else inputs
        least_one = lengths.cpu().clamp_min(1)  # an utterance shorter than a frame is one frame of padding
        packed = pack_padded_sequence(inputs, least_one, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=summed.shape[1])
        return self.out(out)


def _masked(value: Tensor) -> Tensor:
    """Some spans of channels and of frames of (batch, frames, channels) set to zero, others for each utterance."""
    kept = torch.ones_like(value)
    for axis, (count, widest) in ((1, _FRAME_MASKS), (2, _CHANNEL_MASKS)):
        size = value.shape[axis]
        most = min(widest, int(_MASKED_AT_MOST * size))
        for row in range(len(value)):
            for _ in range(count):
                width = int(torch.randint(0, most + 1, ()))
                start = int(torch.randint(0, size - width + 1, ()))
                kept[row].narrow(axis - 1, start, width).zero_()
    return value * kept


class HeadedModel(nn.Module):
    """A frozen speech model under a head, to be scored like any CTC model."""

    def __init__(self, speech: CtcModel, outputs: int, settings: SuperbSettings) -> None:
        super().__init__()
        self.speech, self.config = speech.requires_grad_(False).eval(), speech.config
        config = speech.config
        self.head = SuperbHead(config.num_hidden_layers + 1, config.hidden_size, outputs, settings)
        self.to(next(speech.parameters()).device)

    def train(self, mode: bool = True) -> "HeadedModel":
        """Only the head is ever trained."""
        super().train(mode)
        self.speech.eval()
        return self

    def forward(self, audio: Tensor, attention_mask: Tensor | None = None) -> CausalLMOutput:
        """As transformers' CTC models; without a mask all of the audio counts."""
        lengths = audio.new_full((len(audio),), audio.shape[1]) if attention_mask is None else attention_mask.sum(-1)
        return CausalLMOutput(logits=self.hear(audio, attention_mask, self._get_feat_extract_output_lengths(lengths)))

    def hear(self, audio: Tensor, mask: Tensor | None, lengths: Tensor) -> Tensor:
        """Logits; the speech model without a graph."""
        with torch.no_grad(), mixed_precision(audio.device):
            states = self.speech(audio, attention_mask=mask, output_hidden_states=True).hidden_states
        with torch.autocast(audio.device.type, enabled=False):
            return self.head(states, lengths)

    def _get_feat_extract_output_lengths(self, lengths: Tensor) -> Any:
        return self.speech._get_feat_extract_output_lengths(lengths.long())


def load_head(speech: CtcModel, vocabulary: Vocabulary, path: Path) -> HeadedModel:
    """The model that a head was saved with; sizes follow from the tensors.

    Raises:
        UserError: if the file is missing, broken or of another model.
    """
    tensors = read_tensors(path)
    layers = sum(name.startswith("lstm.weight_hh_l") and not name.endswith("reverse") for name in tensors)
    recurrent = tensors.get("lstm.weight_hh_l0", torch.empty(0))
    if recurrent.ndim != 2 or not recurrent.numel():
        raise UserError(f"{path}: holds no LSTM; it is no head of SUPERB's")
    model = HeadedModel(speech, len(vocabulary), SuperbSettings(steps=1, width=recurrent.shape[1], layers=layers))
    load_weights(model.head, path)
    return model.eval()
