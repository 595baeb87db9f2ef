"""A made-up study: the tiny one with candidates that nobody measured, but that hang together as measured ones do."""

from pathlib import Path

import numpy as np

from search.study.candidate import Candidate
from search.study.records import costs
from search.study.study_file import StudyFile
from spaces import Assignment
from tests.conftest import write_study

_UTTERANCES = 40


def made_up_study(folder: Path, mixed: int = 40) -> tuple[StudyFile, list[Candidate]]:
    """The study's rows, some of the grid's and some mixtures, the WER falling with the bits but for some noise."""
    file = StudyFile.load(write_study(folder))
    space, rng = file.search_space, np.random.default_rng(0)
    rows = {**file.uniform, **dict(list(space.rows.grid.items())[:8])}
    names = {assignment: name for name, assignment in rows.items()}
    assignments = list(dict.fromkeys(rows.values()))
    while len(assignments) < len(set(rows.values())) + mixed:
        bias = rng.integers(0, 5)
        found = space.decode({k: int(min(n - 1, rng.integers(0, bias + 1))) for k, n in space.variables.items()})
        if space.rows.name(found) is None and found not in assignments:
            assignments.append(found)
    everyone = [_candidate(file, one, i, names.get(one), rng) for i, one in enumerate(assignments)]
    return file, sorted(everyone, key=lambda m: (not m.uniform, m.storage_mb))


def _candidate(
    file: StudyFile, assignment: Assignment, number: int, name: str | None, rng: np.random.Generator
) -> Candidate:
    bits = [b for p in assignment.values() for b in (p.weight.bits, p.activation.bits)]
    chance = 0.03 + 0.4 * float(np.mean([1 / b for b in bits])) ** 2 if bits else 0.03
    errors = [rng.binomial(20, min(0.9, chance), _UTTERANCES).tolist() for _ in range(2)]
    words = (20,) * _UTTERANCES
    wer, test_wer = (100 * sum(own) / sum(words) for own in errors)
    storage_mb, runtime = costs(file, assignment)
    test = {"wer": test_wer, "wer_low": test_wer - 1, "wer_high": test_wer + 1, "errors": errors[1], "words": [*words]}
    return Candidate(
        name=name or f"mixed-{assignment.digest[:6]}", number=number, measure="wer", error=wer,
        error_low=max(0.0, wer - 1.5), error_high=wer + 1.5, beside=wer / 3, loss=chance,
        storage_mb=storage_mb, runtime=runtime,
        mean_bits=assignment.mean_bits(file.architecture), uniform=name is not None, baseline=name in file.uniform,
        assignment=assignment, errors=tuple(errors[0]), units=words, seconds=60.0, test=test if number % 2 else None,
    )  # fmt: skip
