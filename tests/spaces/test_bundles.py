"""Bundles of parameters that are worth moving together."""

import pytest

from spaces import SearchSpace
from spaces.architecture import GROUPS
from spaces.choice import GRANULARITIES
from tests.spaces.pocket import ARCHITECTURE


@pytest.mark.parametrize("granularity", list(GRANULARITIES))
@pytest.mark.parametrize("tied", [True, False])
def test_bundles_hold_parameters_of_the_space_more_than_one_and_no_bundle_twice(granularity: str, tied: bool) -> None:
    if tied:
        space = SearchSpace(ARCHITECTURE, granularity=granularity, groups=GROUPS, precisions=["w1a1", "w4a4", "fp16"])
    else:
        space = SearchSpace(
            ARCHITECTURE, granularity=granularity, groups=GROUPS, weight_bits=[1, 4], activation_bits=[4, 8]
        )
    assert len(set(space.bundles)) == len(space.bundles)
    for bundle in space.bundles:
        assert len(bundle) > 1
        assert set(bundle) <= set(space.variables)


def test_a_group_of_all_blocks_its_halves_and_a_block_are_bundles() -> None:
    space = SearchSpace(ARCHITECTURE, weight_bits=[1, 4], activation_bits=[4, 8])
    attention = [f"block{b}.attention.w" for b in range(6)]
    assert tuple(attention) in space.bundles
    assert tuple(attention[:3]) in space.bundles
    assert tuple(attention[3:]) in space.bundles
    assert ("block2.attention.w", "block2.feed_forward.w") in space.bundles
