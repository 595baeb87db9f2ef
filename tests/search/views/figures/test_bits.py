"""Bits of each group of each block."""

from search.views.figures import bits
from spaces import Precision
from tests.search.made_up import SPACE, member


def test_bits_figure_shows_each_group_of_each_block() -> None:
    uniform = member(1, 1.0, 0.1, 1, assignment=SPACE.uniform(Precision.of(2, 4)))
    data = bits.build_bits([uniform], SPACE)
    assert len(data.activation_columns) == 18
    assert data.weights[0] == [2] * 12
    assert data.activations[0] == [4] * 18
    assert bits.draw_bits(data).data[0].z[0][0] == 1  # log2
