"""The accounting and the published figures of arXiv 2301.00652 (Yeh, Hsu, Tomasello, Mohamed, 2022).

Its counts are a profiler's view of its own model (HuBERT Base behind SEW's feature extractor): a block shows seven
768 x 768 projections where it has four. They are reproduced here so that figures can be compared with the paper's
Table 1, and used for nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from spaces.architecture import BLOCK_GROUPS, Architecture, Layer
from spaces.assignment import Assignment
from spaces.errors import UserError
from spaces.models import named_architecture
from spaces.precision import FP16, Precision, quant_ops

FP16_GFLOPS = 110.79  # HuBERT Base + FastConv, the baseline 1.00
_REST_GFLOPS = 11.82  # everything outside attention and feed-forward
_ATTENTION_GFLOPS = 5.8725  # of a block
_UNIT = 768 * 768 * 500 / 2**30  # multiply-adds of one projection for 500 frames, in units of 2^30
_PRODUCTS = 2 * 768 * 500 * 500 / 2**30  # of both attention products of a block
_GFLOPS_PER_QUANT_OP = 28.55 / 1898.44  # its assumption: SqWQ w8 runs as fast as fp16
BLOCKS = 12


class Row(NamedTuple):
    """A row of Table 1: WER in percent, storage in MB, estimated runtime relative to fp16."""

    model: str
    precision: str
    wer: float
    storage_mb: float
    runtime: float


TABLE1 = (
    Row("HuBERT Base", "fp16", 6.42, 189.14, 1.38),
    Row("HuBERT Base + FastConv", "fp16", 7.06, 184.42, 1.00),
    Row("SqWQ", "w8a8", 9.69, 99.65, 1.00),
    Row("SqWQ", "w4a8", 9.98, 57.19, 0.89),
    Row("SqWQ", "w2a8", 12.56, 35.95, 0.83),
    Row("SqWQ", "w1a8", 25.37, 25.34, 0.80),
    Row("BiT-L", "w8a8", 7.03, 99.49, 1.00),
    Row("BiT-L", "w4a4", 8.58, 57.02, 0.81),
    Row("BiT-L", "w2a2", 10.80, 35.79, 0.76),
    Row("BiT-L", "w1a1", 12.23, 25.17, 0.75),
    Row("BiT-LA", "w8a8", 7.07, 99.54, 0.63),
    Row("BiT-LA", "w4a4", 9.35, 57.08, 0.25),
    Row("BiT-LA", "w2a2", 12.68, 35.84, 0.15),
    Row("BiT-LA", "w1a1", 15.96, 25.23, 0.12),
    Row("DistilHuBERT", "fp16", 13.37, 46.98, 0.73),
)


@dataclass(frozen=True)
class Recipe:
    """One of the paper's methods, or ours beside them.

    Attributes:
        row: what Table 1 calls it; None for ours.
        products: whether both attention products are quantized.
        inputs: bits of the linears' inputs; None where they have the weights'.
        gains: whether every output channel has a gain, instead of thresholds where products are quantized.
        feed_forward: GFLOPs of a block's feed-forward left in fp16, as its column counts it.
    """

    name: str
    row: str | None
    products: bool
    inputs: int | None = None
    gains: bool = False
    feed_forward: float = 2.375

    def precision(self, bits: int) -> Precision:
        """Of its linears at a width."""
        return Precision.of(bits, self.inputs or bits)


OURS = "hubits"
RECIPES = {
    one.name: one
    for one in (
        Recipe("sqwq", "SqWQ", products=False, inputs=8, gains=True, feed_forward=28.55 / BLOCKS),
        Recipe("bit-l", "BiT-L", products=False),
        Recipe("bit-la", "BiT-LA", products=True),
        Recipe(OURS, None, products=True),
    )
}
_DEFAULT = RECIPES["bit-la"]


def recipe_assignment(layers: Iterable[Layer], recipe: str, bits: int) -> Assignment:
    """What a recipe quantizes at a width: the row of that name in the paper's Table 1; ours as bit-la."""
    method = RECIPES[recipe]
    wanted = [x for x in layers if x.block is not None and (x.kind == "linear" or method.products)]
    return Assignment.uniform(wanted, method.precision(bits))


def storage_bytes(architecture: Architecture, assignment: Assignment, recipe: Recipe = _DEFAULT) -> float:
    """Storage under the paper's rule: 2 bytes a parameter, w / 8 a quantized weight, its extra parameters, no scales.

    The recipe decides the extras: thresholds count wherever a block's products are quantized, SqWQ's gains wherever a
    weight is.
    """
    saved = sum(
        layer.weights * (2 - assignment[layer.name].weight.bits / 8)
        for layer in architecture.layers
        if assignment[layer.name].weight.quantized
    )
    if recipe.gains:
        extras = sum(x.channels for x in architecture.layers if x.weights and assignment[x.name].weight.quantized)
    else:
        quantized = {x.block for x in architecture.layers if x.kind == "product" and assignment[x.name] != FP16}
        extras = len(quantized) * 3 * architecture.hidden
    return architecture.parameters * 2 - saved + extras * 2


def runtime(architecture: Architecture, assignment: Assignment, recipe: Recipe = _DEFAULT) -> float:
    """(FLOPs + k QuantOPs) / 110.79 under the paper's accounting.

    An attention counts as quantized where its linears and both products are; a mixture inside a module counts by its
    mean. Where only linears are quantized, the paper's profiler saw the whole attention in fp16, and so does this.

    Raises:
        UserError: if the architecture is not the paper's.
    """
    reference = named_architecture("hubert-base-fastconv")
    blocks = {k: v for k, v in architecture.tensors.items() if k != "lm_head.weight" and k != "lm_head.bias"}
    if blocks != {k: v for k, v in reference.tensors.items() if k in blocks} or architecture.blocks != BLOCKS:
        raise UserError(
            f"{architecture.name}: the paper's runtime model holds for its own model alone (hubert-base-fastconv); "
            "use --runtime bitops"
        )
    flops, operations = _REST_GFLOPS, 0.0
    for block in range(BLOCKS):
        groups: dict[str, list[Precision]] = {group: [] for group in BLOCK_GROUPS}
        for layer in architecture.layers:
            if layer.block == block:
                groups[layer.group].append(assignment[layer.name])
        if _quantized(groups["feed_forward"]):
            operations += 8 * _UNIT * _mean_ops(groups["feed_forward"])
        else:
            flops += recipe.feed_forward
        if _quantized(groups["attention"]) and _quantized(groups["products"]):
            operations += 7 * _UNIT * _mean_ops(groups["attention"]) + _PRODUCTS * _mean_ops(groups["products"])
        else:
            flops += _ATTENTION_GFLOPS
    return (flops + _GFLOPS_PER_QUANT_OP * operations) / FP16_GFLOPS


def _quantized(precisions: list[Precision]) -> bool:
    return all(p.weight.quantized and p.activation.quantized for p in precisions)


def _mean_ops(precisions: list[Precision]) -> float:
    return sum(map(quant_ops, precisions)) / len(precisions)
