"""Storage to the byte."""

import pytest

from evaluators.costs.layout import packed_entries
from evaluators.costs.storage import storage_bytes
from spaces import Assignment, Precision, named_architecture

MODEL = named_architecture("hubert-base-fastconv")


def test_storage_of_one_quantized_layer_in_closed_form() -> None:
    layer = next(x for x in MODEL.layers if x.name == "block0.feed_forward.output_dense")
    one = Assignment({layer.name: Precision.of(2, 16)})
    payload = 768 * 3072 * 2 // 8 + 768 * 2
    entries = packed_entries(MODEL, one)
    assert entries[f"{layer.path}.weight.codes"] == ("U8", (768 * 3072 // 4,))
    saved = storage_bytes(MODEL, Assignment({})) - storage_bytes(MODEL, one)
    assert saved == pytest.approx(768 * 3072 * 2 - payload, abs=200)  # the header differs by a name
