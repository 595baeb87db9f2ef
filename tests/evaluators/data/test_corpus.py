"""Corpora joined from others."""

import numpy as np
import pytest

from evaluators.data.corpus import mixed, seconds


class _Made:
    """Utterances of one length that hold one value."""

    def __init__(self, name: str, count: int, samples: int, value: float) -> None:
        self.name, self.texts, self.samples, self._value = name, [name] * count, [samples] * count, value

    def wave(self, index: int) -> np.ndarray:
        return np.full(self.samples[index], self._value, np.float32)

    def where(self, index: int) -> str:
        return f"{self.name}[{index}]"


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("count", [40, 2000])
def test_the_smaller_corpus_is_repeated_to_its_share(share: float, count: int) -> None:
    said, read = _Made("said", 200, 16_000, 1.0), _Made("read", count, 8_000, 2.0)
    both = mixed(said, read, share)
    spoken = sum(length for text, length in zip(both.texts, both.samples, strict=True) if text == "read")
    assert spoken / sum(both.samples) == pytest.approx(share, rel=0.25)
    assert seconds(both) >= max(seconds(said), seconds(read))


def test_an_utterance_is_its_own_corpus() -> None:
    both = mixed(_Made("said", 2, 10, 1.0), _Made("read", 2, 10, 2.0), 0.5)
    assert [both.wave(i)[0] for i in range(4)] == [1.0, 1.0, 2.0, 2.0]
    assert both.where(3) == "read[1]"
