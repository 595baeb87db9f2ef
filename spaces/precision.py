"""Precision: how many bits a layer's weights and its input activations get."""

import re
from dataclasses import dataclass

from spaces.errors import UserError

BITS = (1, 2, 4, 8, 16)
_FORM = re.compile(r"w(\d{1,2})a(\d{1,2})")


@dataclass(frozen=True, order=True)
class Precision:
    """Weight and activation bits of a layer, each of 1, 2, 4, 8 or 16; 16 means left in fp16.

    An attention product has no weights: both its operands have ``activation`` bits and ``weight`` repeats it.

    Raises:
        UserError: if a bit-width does not exist.
    """

    weight: int
    activation: int

    def __post_init__(self) -> None:
        if self.weight not in BITS or self.activation not in BITS:
            raise UserError(f"precision w{self.weight}a{self.activation} does not exist; bits are 1, 2, 4, 8 or 16")

    @classmethod
    def parse(cls, text: str, where: str = "precision") -> "Precision":
        """Read ``w2a8`` or ``fp16``."""
        if text == "fp16":
            return FP16
        match = _FORM.fullmatch(text) if isinstance(text, str) else None
        if not match or int(match[1]) not in BITS or int(match[2]) not in BITS:
            raise UserError(
                f"{where}: {text!r} is no precision; write fp16 or weight and activation bits of 1, 2, 4, 8 or 16, "
                "such as w2a8"
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return "fp16" if self == FP16 else f"w{self.weight}a{self.activation}"

    @property
    def cost(self) -> float:
        """Relative cost of a multiply-add against fp16: (w a + max(w, a)) / 72, and 1 where an operand stays fp16.

        The bit operations of a product and an addition, the paper's QuantOPs, scaled so that w8a8 costs what fp16 does.
        """
        if 16 in (self.weight, self.activation):
            return 1.0
        return quant_ops(self) / 72.0


FP16 = Precision(16, 16)


def quant_ops(precision: Precision) -> int:
    """Bit operations of one multiply-add (arXiv 2301.00652): w a for the product and max(w, a) for the addition."""
    return precision.weight * precision.activation + max(precision.weight, precision.activation)
