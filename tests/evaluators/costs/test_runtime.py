"""Estimated runtime by bit operations."""

import pytest

from evaluators.costs.runtime import runtime
from evaluators.costs.storage import storage_bytes
from spaces import FP16, Assignment, Precision, named_architecture

MODEL = named_architecture("hubert-base-fastconv")
LINEARS = [x for x in MODEL.layers if x.group in ("attention", "feed_forward")]
BLOCKS = [x for x in MODEL.layers if x.block is not None]


@pytest.mark.parametrize(("precision", "share"), [("w8a8", 1.00), ("w4a4", 0.36), ("w2a2", 0.19), ("w1a1", 0.14)])
def test_honest_runtime_of_the_papers_model(precision: str, share: float) -> None:
    assert runtime(MODEL, Assignment.uniform(BLOCKS, Precision.parse(precision))) == pytest.approx(share, abs=0.006)


@pytest.mark.parametrize(("precision", "share"), [("w8a8", 1.00), ("w4a4", 0.42), ("w2a2", 0.27), ("w1a1", 0.22)])
def test_honest_runtime_with_the_products_in_fp16(precision: str, share: float) -> None:
    assert runtime(MODEL, Assignment.uniform(LINEARS, Precision.parse(precision))) == pytest.approx(share, abs=0.006)


def test_cost_of_a_multiply_add() -> None:
    assert Precision.of(8, 8).cost == FP16.cost == Precision.of(4, 16).cost == 1
    assert Precision.of(1, 1).cost == 2 / 72
    assert Precision.of(2, 8).cost == (16 + 8) / 72


def test_fewer_bits_are_never_larger_nor_slower() -> None:
    for weights in (False, True):
        ladder = [Precision.of(b, 8) if weights else Precision.of(8, b) for b in (1, 2, 4, 8)]
        assignments = [Assignment.uniform(BLOCKS, p) for p in ladder]
        assert [runtime(MODEL, a) for a in assignments] == sorted(runtime(MODEL, a) for a in assignments)
    sizes = [storage_bytes(MODEL, Assignment.uniform(BLOCKS, Precision.of(b, b))) for b in (1, 2, 4, 8, 16)]
    assert sizes == sorted(sizes)
