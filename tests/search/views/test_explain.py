"""A pick in words and bars."""

from search.front.pick import Budget, pick
from search.views.explain import bit_bars, explained, explanation
from spaces import Precision
from tests.search.made_up import EVERYONE, SPACE, member, on_test_corpus


def _lines(**limits: float) -> dict[str, str]:
    row = member(28, 1.0, 0.2, 5, uniform=True, name="w1a1", errors=(40,) * 20)
    everyone = [*EVERYONE, row]
    lines = explanation(pick(everyone, Budget(**limits)), everyone)
    return dict(line.split(": ", 1) for line in lines)


def test_it_says_what_binds_what_is_next_and_what_is_gained() -> None:
    found = _lines(max_storage=2.5)
    assert found["binds"] == "storage"
    assert found["up"] == "m3: -10.00 WER points, +1.000 MB, +0.300 runtime"
    assert found["down"].startswith("w1a1: +8.00 WER points, -1.000 MB")
    assert found["gain"] == "+20.00 [+20.00, +20.00] over w1a1, the best uniform row of no more bytes and runtime"
    assert found["test"] == "not scored on the test corpus"


def test_it_stands_beside_the_test_corpus() -> None:
    scored = member(10, 1.0, 0.5, 1, test=on_test_corpus(8))
    lines = list(explanation(pick([scored], Budget()), [scored]))
    assert "test: WER 8.00 % [7.00, 9.00] on the test corpus, 10.00 % on the development corpus that chose it" in lines
    assert "binds: no budget" in lines
    assert {"up: none", "down: none"} <= set(lines)


def test_machines_get_the_same() -> None:
    found = explained(pick(EVERYONE, Budget(max_storage=2.5)), EVERYONE)
    assert (found["binding"], found["down"], found["up"]) == (["storage_mb"], "m1", "m3")


def test_bars_are_as_long_as_the_bits() -> None:
    header, *lines = bit_bars(SPACE.uniform(Precision.of(2, 4)), SPACE.architecture)
    assert header.split() == ["bits", "of", "weights", "bits", "of", "activations"]
    inside = [line.split() for line in lines if line.startswith("block")]
    assert inside == [["block", str(i), "2.0", "██", "4.0", "████"] for i in range(SPACE.architecture.blocks)]
    assert all(line.count("█") == 32 for line in lines if not line.startswith("block"))
