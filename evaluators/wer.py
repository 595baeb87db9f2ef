"""Word error rate pooled over a corpus, with a bootstrap confidence interval over utterances.

The pooled WER is 100 * (substitutions + deletions + insertions) / reference words. The interval resamples utterances
with replacement (Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", ICASSP
2004); the paired form resamples the same utterances of two systems and so tells whether one really is better.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

_RESAMPLES = 1000


@dataclass(frozen=True)
class WordErrors:
    """Errors and reference words of every utterance of a corpus, in corpus order."""

    errors: tuple[int, ...]
    words: tuple[int, ...]

    @property
    def wer(self) -> float:
        """Pooled WER in percent."""
        return 100.0 * sum(self.errors) / max(1, sum(self.words))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Bootstrap interval of the pooled WER in percent."""
        errors, words = np.array(self.errors), np.array(self.words)
        picks = _resamples(len(errors))
        return _quantiles(100.0 * errors[picks].sum(1) / words[picks].sum(1), level)


def count_errors(references: Sequence[str], hypotheses: Sequence[str]) -> WordErrors:
    """Word errors of each hypothesis against its reference (Levenshtein alignment by jiwer)."""
    import jiwer

    errors = []
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        out = jiwer.process_words(reference, hypothesis)
        errors.append(out.substitutions + out.deletions + out.insertions)
    return WordErrors(tuple(errors), tuple(len(r.split()) for r in references))


def paired_gain(better: WordErrors, worse: WordErrors, level: float = 0.95) -> tuple[float, float, float]:
    """WER points by which ``better`` is below ``worse`` on the same utterances, and the interval of that difference.

    Raises:
        ValueError: if the two were not scored on the same references.
    """
    if better.words != worse.words:
        raise ValueError("a paired comparison needs two scores of the same utterances")
    difference = np.array(worse.errors) - np.array(better.errors)
    words = np.array(better.words)
    picks = _resamples(len(words))
    low, high = _quantiles(100.0 * difference[picks].sum(1) / words[picks].sum(1), level)
    return worse.wer - better.wer, low, high


@lru_cache(maxsize=4)
def _resamples(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, n, size=(_RESAMPLES, n))


def _quantiles(values: np.ndarray, level: float) -> tuple[float, float]:
    tail = (1.0 - level) / 2
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)
