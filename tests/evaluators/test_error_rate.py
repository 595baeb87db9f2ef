"""Word and character errors, their intervals and paired gains."""

import numpy as np
import pytest

from evaluators.error_rate import ErrorCounts, count_errors, paired_gain, rate, recorded


def test_pooled_wer_in_closed_form() -> None:
    errors = count_errors(["a b c d", "e f"], ["a x c", "e f g"]).words
    assert errors == ErrorCounts((2, 1), (4, 2))
    assert errors.rate == pytest.approx(50)
    low, high = errors.interval()
    assert low <= 50 <= high


def test_characters_count_spaces_too() -> None:
    errors = count_errors(["ab cd"], ["abcx"]).characters  # a space lost, a letter replaced
    assert errors == ErrorCounts((2,), (5,))


def test_a_record_gives_back_both_rates() -> None:
    errors = count_errors(["a b c d", "e f"], ["a x c", "e f g"])
    record = recorded(errors)
    for measure, counts in (("wer", errors.words), ("cer", errors.characters)):
        found = rate(record, measure)  # type: ignore[arg-type]
        assert found.counts == counts
        assert found.percent == counts.rate
        assert (found.low, found.high) == counts.interval()


def test_interval_of_a_constant_rate_has_no_width() -> None:
    assert ErrorCounts((1,) * 50, (4,) * 50).interval() == (25.0, 25.0)


def test_interval_covers_the_binomial_one() -> None:
    rng = np.random.default_rng(1)
    errors = ErrorCounts(tuple(rng.binomial(6, 0.2, 500).tolist()), (6,) * 500)
    low, high = errors.interval()
    assert (high - low) / 2 == pytest.approx(100 * 1.96 * np.sqrt(0.2 * 0.8 / 3000), rel=0.15)


def test_paired_gain_sees_what_unpaired_intervals_hide() -> None:
    base = tuple(np.random.default_rng(0).integers(0, 6, 300).tolist())
    worse = ErrorCounts(tuple(e + (i % 5 == 0) for i, e in enumerate(base)), (6,) * 300)
    better = ErrorCounts(base, (6,) * 300)
    points, low, high = paired_gain(better, worse)
    assert points == pytest.approx(100 * 60 / 1800)
    assert 0 < low < points < high
    assert better.interval()[1] > worse.interval()[0]  # the intervals of the two overlap
    with pytest.raises(ValueError, match="same utterances"):
        paired_gain(better, ErrorCounts((0,), (1,)))
