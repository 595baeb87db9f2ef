"""The voices of the pocket study."""


def test_voices_of_the_splits_are_disjoint() -> None:
    from evaluators.data.synthetic.espeak import _VARIANTS

    names = [name for split in _VARIANTS.values() for name in split.split()]
    assert len(names) == len(set(names))
