"""Precision: the formats that weights and activations can live in, and a layer's pair of them.

``FORMATS`` is the one list of bit-widths. A format says how values are rounded, what its codes are packed into, and
what it costs; quantizers, packing, storage, runtime, study files and figures all read it here.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from spaces.errors import UserError

_PRECISION = re.compile(r"w(\d{1,2}(?:\.\d{1,2})?)a(\d{1,2}(?:\.\d{1,2})?)")


@dataclass(frozen=True)
class Levels:
    """Levels (i + shift) / steps for the integers i that ``low <= steps * x <= high`` can round to."""

    low: float
    high: float
    steps: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True, order=True)
class BitFormat:
    """How a weight or an activation is written.

    Attributes:
        bits: what it counts for in costs and means; formats are ordered by it.
        name: as study files and precisions say it.
        count: levels.
        signed: the levels of values of both signs; None where the sign alone is kept, and in fp16.
        codes: that are packed together, into ``size`` bytes.
        threshold: whether signed activations have a learned threshold a channel.
        activations: whether activations can have it.
    """

    bits: float
    name: str
    count: int
    signed: Levels | None = None
    codes: int = 1
    size: int = 1
    threshold: bool = False
    activations: bool = True

    def __hash__(self) -> int:
        return hash(self.name)  # samplers hash hundreds of thousands

    @property
    def key(self) -> str:
        """The name as a part of a module's or tensor's name, where a dot would be a separator."""
        return self.name.replace(".", "_")

    @property
    def quantized(self) -> bool:
        """Whether it is anything but fp16."""
        return self.bits < 16

    def packed_bytes(self, values: int) -> int:
        """Bytes that so many codes are packed into."""
        return -(-values // self.codes) * self.size

    def __str__(self) -> str:
        return self.name


def _learned_steps(bits: int, codes: int, size: int) -> BitFormat:
    """Integers of two's complement times a learned step (LSQ, Esser et al. 2020)."""
    half = 2.0 ** (bits - 1)
    return BitFormat(bits, str(bits), 2**bits, Levels(-half, half - 1), codes, size)


FORMATS = (
    BitFormat(1, "1", 2, codes=8, threshold=True),  # elastic binarization (BiT, arXiv 2205.13016)
    # stretched elastic quantization (ParetoQ, arXiv 2502.02631): three and four levels
    BitFormat(1.58, "1.58", 3, Levels(-1.485, 1.485, steps=1.5), codes=5, activations=False),
    BitFormat(2, "2", 4, Levels(-1.98, 1.98, steps=2.0, shift=0.5), codes=4, threshold=True),
    _learned_steps(3, codes=8, size=3),
    _learned_steps(4, codes=2, size=1),
    _learned_steps(8, codes=1, size=1),
    BitFormat(16, "16", 2**16, size=2),  # left in fp16
)
_BY_NAME = {one.name: one for one in FORMATS}
FLOAT = _BY_NAME["16"]
LOWEST = FORMATS[0]


def bit_format(name: float | str, where: str = "bits", *, activations: bool = False) -> BitFormat:
    """The format of a name, such as 2 or 1.58.

    Raises:
        UserError: if there is none, or activations are to have one that they cannot.
    """
    text = f"{name:g}" if isinstance(name, int | float) and not isinstance(name, bool) else str(name)
    found = _BY_NAME.get(text)
    if found is None or (activations and not found.activations):
        there = ", ".join(one.name for one in FORMATS if one.activations or not activations)
        what = "activations" if activations else "weights"
        raise UserError(f"{where}: {text} bits do not exist; {what} can have {there}")
    return found


@dataclass(frozen=True, order=True)
class Precision:
    """The formats of a layer's weights and of its input activations.

    An attention product has no weights: both its operands have ``activation`` and ``weight`` repeats it.
    """

    weight: BitFormat
    activation: BitFormat

    @classmethod
    def of(cls, weight: float | str, activation: float | str, where: str = "precision") -> "Precision":
        """The precision of two formats' names.

        >>> Precision.of(2, 8)
        w2a8

        Raises:
            UserError: if a format does not exist.
        """
        return cls(bit_format(weight, where), bit_format(activation, where, activations=True))

    @classmethod
    def parse(cls, text: str, where: str = "precision") -> "Precision":
        """Read ``w2a8`` or ``fp16``.

        >>> Precision.parse("w1.58a8").weight.count
        3
        """
        if text == "fp16":
            return FP16
        match = _PRECISION.fullmatch(text) if isinstance(text, str) else None
        if not match:
            raise UserError(
                f"{where}: {text!r} is no precision; write fp16, or the bits of weights and activations such as w2a8"
            )
        return cls.of(match[1], match[2], f"{where}: {text}")

    def __str__(self) -> str:
        return "fp16" if self == FP16 else f"w{self.weight}a{self.activation}"

    __repr__ = __str__

    def __hash__(self) -> int:
        return hash((self.weight.name, self.activation.name))

    @cached_property
    def cost(self) -> float:
        """Relative cost of a multiply-add against fp16: (w a + max(w, a)) / 72, and 1 where an operand stays fp16.

        The bit operations of a product and an addition, the paper's QuantOPs, scaled so that w8a8 costs what fp16 does.
        """
        return quant_ops(self) / 72.0 if self.weight.quantized and self.activation.quantized else 1.0


FP16 = Precision(FLOAT, FLOAT)


def quant_ops(precision: Precision) -> float:
    """Bit operations of one multiply-add (arXiv 2301.00652): w a for the product and max(w, a) for the addition."""
    weight, activation = precision.weight.bits, precision.activation.bits
    return weight * activation + max(weight, activation)
