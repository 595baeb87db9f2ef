"""Word and character error rates pooled over a corpus, with bootstrap confidence intervals over utterances.

The pooled rate is 100 * (substitutions + deletions + insertions) / reference words or characters, spaces among them.
The interval resamples utterances with replacement (Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR
performance evaluation", ICASSP 2004); the paired form resamples the same utterances of two systems and so tells whether
one really is better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np

_RESAMPLES = 1000


Measure = Literal["wer", "cer"]
MEASURES: dict[Measure, str] = {"wer": "WER", "cer": "CER"}
OTHER: dict[Measure, Measure] = {"wer": "cer", "cer": "wer"}
_KEYS = {"wer": ("errors", "words"), "cer": ("character_errors", "characters")}  # of the counts in a record


@dataclass(frozen=True)
class ErrorCounts:
    """Errors and reference units, words or characters, of every utterance of a corpus, in corpus order."""

    errors: tuple[int, ...]
    units: tuple[int, ...]

    @property
    def rate(self) -> float:
        """Pooled error rate in percent."""
        return 100.0 * sum(self.errors) / max(1, sum(self.units))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Bootstrap interval of the pooled rate in percent."""
        errors, units = np.array(self.errors), np.array(self.units)
        picks = _resamples(len(errors))
        return _quantiles(100.0 * errors[picks].sum(1) / units[picks].sum(1), level)


class Errors(NamedTuple):
    """What a recogniser got wrong."""

    words: ErrorCounts
    characters: ErrorCounts


class Rate(NamedTuple):
    """An error rate in percent with its 95 % interval, and what it was counted from."""

    percent: float
    low: float
    high: float
    counts: ErrorCounts


def count_errors(references: Sequence[str], hypotheses: Sequence[str]) -> Errors:
    """Errors of each hypothesis against its reference (Levenshtein alignment by jiwer)."""
    import jiwer

    words: list[int] = []
    characters: list[int] = []
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        for found, out in (
            (words, jiwer.process_words(reference, hypothesis)),
            (characters, jiwer.process_characters(reference, hypothesis)),
        ):
            found.append(out.substitutions + out.deletions + out.insertions)
    return Errors(
        ErrorCounts(tuple(words), tuple(len(r.split()) for r in references)),
        ErrorCounts(tuple(characters), tuple(map(len, references))),
    )


def recorded(errors: Errors) -> dict[str, Any]:
    """Both rates as plain data, for records."""
    found: dict[str, Any] = {}
    for measure, counts in zip(MEASURES, errors, strict=True):
        low, high = counts.interval()
        found |= {measure: counts.rate, f"{measure}_low": low, f"{measure}_high": high}
        found |= dict(zip(_KEYS[measure], (list(counts.errors), list(counts.units)), strict=True))
    return found


def rate(record: Mapping[str, Any], measure: Measure) -> Rate:
    """One of the rates of a record.

    Raises:
        KeyError: if it was not recorded.
    """
    errors, units = (tuple(record[key]) for key in _KEYS[measure])
    return Rate(record[measure], record[f"{measure}_low"], record[f"{measure}_high"], ErrorCounts(errors, units))


def paired_gain(better: ErrorCounts, worse: ErrorCounts, level: float = 0.95) -> tuple[float, float, float]:
    """Points by which ``better`` is below ``worse`` on the same utterances, and the interval of that difference.

    Raises:
        ValueError: if the two were not scored on the same references.
    """
    if better.units != worse.units:
        raise ValueError("a paired comparison needs two scores of the same utterances")
    difference = np.array(worse.errors) - np.array(better.errors)
    units = np.array(better.units)
    picks = _resamples(len(units))
    low, high = _quantiles(100.0 * difference[picks].sum(1) / units[picks].sum(1), level)
    return worse.rate - better.rate, low, high


@lru_cache(maxsize=4)
def _resamples(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, n, size=(_RESAMPLES, n))


def _quantiles(values: np.ndarray, level: float) -> tuple[float, float]:
    tail = (1.0 - level) / 2
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)
