"""Weight norm, which transformers' positional convolution has: apart as norm and direction, or folded into a weight."""

from collections.abc import Sequence

from torch import Tensor


def as_float(names: Sequence[str], weight: Tensor) -> dict[str, Tensor]:
    """A weight under its names in the float model: weight norm wants its norm and its direction apart."""
    if len(names) == 1:
        return {names[0]: weight}
    return {names[0]: weight.norm(dim=(0, 1), keepdim=True), names[1]: weight}


def folded(norm: Tensor, direction: Tensor) -> Tensor:
    """The weight that a norm and a direction stand for."""
    return direction * (norm / direction.norm(dim=(0, 1), keepdim=True))
