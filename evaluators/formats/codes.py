"""Integer codes of quantized weights, and how they are packed into bytes: by what ``FORMATS`` says of each format."""

import torch
from torch import Tensor, nn

from evaluators.quantization.arithmetic import rounded
from spaces.precision import BitFormat, Levels


def encode(weight: Tensor, scale: Tensor, form: BitFormat) -> Tensor:
    """Codes 0 .. count - 1 (uint8, flat) of a weight whose output channels have these scales."""
    rows = weight.detach().float().flatten(1) / scale.float()[:, None]
    at = form.signed
    if at is None:
        return (~rows.signbit()).to(torch.uint8).flatten()
    return (rounded(rows * at.steps, at.low, at.high, at.shift) - at.shift - _lowest(at)).to(torch.uint8).flatten()


def decode(codes: Tensor, scale: Tensor, form: BitFormat) -> Tensor:
    """Weights (channels, rest) in float32 that some codes stand for."""
    rows, at = codes.view(len(scale), -1).float(), form.signed
    if at is None:
        return (2 * rows - 1) * scale.float()[:, None]
    return (rows + _lowest(at) + at.shift) * (scale.float()[:, None] / at.steps)


def _lowest(at: Levels) -> int:
    """The integer of the lowest level."""
    return round(at.low - at.shift)


def pack_codes(codes: Tensor, form: BitFormat) -> Tensor:
    """Codes (count,) into bytes: so many together are the digits of one number, the first the lowest."""
    padded = nn.functional.pad(codes, (0, -len(codes) % form.codes)).view(-1, form.codes).to(torch.int32)
    numbers = (padded * form.count ** torch.arange(form.codes, dtype=torch.int32)).sum(1, keepdim=True)
    return (numbers >> (8 * torch.arange(form.size))).bitwise_and(255).to(torch.uint8).flatten()


def unpack_codes(packed: Tensor, form: BitFormat, count: int) -> Tensor:
    """The inverse of ``pack_codes``."""
    places = torch.arange(max(form.size, form.codes), dtype=torch.int32, device=packed.device)
    numbers = (packed.view(-1, form.size).to(torch.int32) << (8 * places[: form.size])).sum(1)
    digits = numbers[:, None] // form.count ** places[: form.codes] % form.count
    return digits.to(torch.uint8).flatten()[:count]
