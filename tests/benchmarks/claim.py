"""Does mixing beat uniform bits at their own costs? ``python -m tests.benchmarks.claim --seeds 3``; it goes on.

For each seed a search among candidates of at most w2a2's bytes and runtime, a longer finetune of its front, and a score
on the test corpus. Of each seed's refined members two are looked at, both chosen on the development corpus: the one of
the lowest WER against w2a2, and the one that lies deepest below the line between w1a1 and w2a2 in storage. Writes
``results/claim-<study>.csv`` beside this file.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from evaluators.wer import WordErrors, paired_gain
from search.running.executors import make_executor
from search.stages.run import refine_study, search_study
from search.stages.stage import RunContext, Stop
from search.study.candidate import Candidate
from search.study.snapshot import measured_candidates
from search.study.study_file import StudyFile
from search.views.screen import SearchLine, StatusLine

STUDY = Path("studies/pocket/below-w2a2.toml")
RESULTS = Path(__file__).with_name("results")
_RESAMPLES = 10_000


def run(study: Path, seed: int, stop: Stop) -> list[Candidate]:
    """The refined members of a seed; what is measured already is not measured again."""
    path = study.with_name(f"claim-{study.stem}-{seed}.toml")
    path.write_text(study.read_text().replace("[search]\n", f"[search]\nseed = {seed}\n"))
    file = StudyFile.load(path)
    executor = make_executor(file.search)
    try:
        for stage in (search_study, refine_study):
            with StatusLine() as line:
                stage(file, RunContext(executor, SearchLine(line), stop))
    finally:
        executor.close()
    return measured_candidates(file.at("refined"))


def scored(member: Candidate) -> WordErrors:
    """Word errors on the test corpus."""
    assert member.test is not None
    return WordErrors(tuple(member.test["errors"]), tuple(member.test["words"]))


def below_line(member: Candidate, low: Candidate, high: Candidate, corpus: str) -> tuple[float, float, float]:
    """WER points below the line from ``low`` to ``high`` at the member's bytes, with its paired 95 % interval.

    A member smaller than ``low`` is held against ``low`` itself, not against the line drawn further.
    """
    share = max(0.0, (member.storage_mb - low.storage_mb) / (high.storage_mb - low.storage_mb))
    scores = [scored(m) if corpus == "test" else WordErrors(m.errors, m.words) for m in (member, low, high)]
    own, least, most = (np.array(s.errors) for s in scores)
    words = np.array(scores[0].words)
    gap = (1 - share) * least + share * most - own
    picks = np.random.default_rng(0).integers(0, len(gap), (_RESAMPLES, len(gap)))
    resampled = 100 * gap[picks].sum(1) / words[picks].sum(1)
    low_end, high_end = np.quantile(resampled, [0.025, 0.975])
    return float(100 * gap.sum() / words.sum()), float(low_end), float(high_end)


def pooled(pairs: list[tuple[Candidate, Candidate]]) -> tuple[float, float, float]:
    """Mean gain of the seeds' members over their rivals on the test corpus, its interval over utterances."""
    own, theirs = (
        WordErrors(
            tuple(map(sum, zip(*(scored(m).errors for m in column), strict=True))),
            tuple(map(sum, zip(*(scored(m).words for m in column), strict=True))),
        )
        for column in zip(*pairs, strict=True)
    )
    return paired_gain(own, theirs)


def best_fitting(members: list[Candidate]) -> tuple[Candidate, Candidate] | None:
    """The refined mixture of the lowest development WER among those that cost no more than w2a2, and w2a2."""
    high = next(m for m in members if m.name == "w2a2")
    fitting = [
        m for m in members
        if not m.uniform and m.test is not None and m.storage_mb <= high.storage_mb and m.runtime <= high.runtime
    ]  # fmt: skip
    return (min(fitting, key=lambda m: m.wer), high) if fitting else None


def rows(seed: int, members: list[Candidate]) -> list[dict[str, object]]:
    """What one seed says to the two claims."""
    named = {m.name: m for m in members}
    low, high = named["w1a1"], named["w2a2"]
    mixed = [m for m in members if not m.uniform and m.test is not None]
    smaller = [m for m in mixed if m.storage_mb <= high.storage_mb]
    found: list[dict[str, object]] = []
    if pair := best_fitting(members):
        found.append(_row(seed, "against w2a2", *pair, paired_gain(scored(pair[0]), scored(pair[1]))))
    if smaller:
        best = max(smaller, key=lambda m: below_line(m, low, high, "dev")[0])
        found.append(_row(seed, "against the line w1a1-w2a2", best, high, below_line(best, low, high, "test")))
    return found


def _row(
    seed: int, claim: str, member: Candidate, rival: Candidate, gain: tuple[float, float, float]
) -> dict[str, object]:
    points, low, high = (round(g, 3) for g in gain)
    return {
        "seed": seed, "claim": claim, "member": member.name, "storage_mb": member.storage_mb,
        "runtime": round(member.runtime, 5), "dev_wer": round(member.wer, 3), "test_wer": round(scored(member).wer, 3),
        "w2a2_dev_wer": round(rival.wer, 3), "w2a2_test_wer": round(scored(rival).wer, 3),
        "gain": points, "gain_low": low, "gain_high": high, "assignment": member.assignment.to_json(),
    }  # fmt: skip


def main() -> None:
    """Run the seeds and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--study", type=Path, default=STUDY)
    stop = Stop()
    table: list[dict[str, object]] = []
    pairs: list[tuple[Candidate, Candidate]] = []
    chosen = parser.parse_args()
    for seed in range(chosen.seeds):
        members = run(chosen.study, seed, stop)
        table += rows(seed, members)
        pairs += [pair] if (pair := best_fitting(members)) else []
        if stop():
            sys.exit("stopped; the same command goes on")
        RESULTS.mkdir(exist_ok=True)
        pd.DataFrame(table).to_csv(RESULTS / f"claim-{chosen.study.stem}.csv", index=False)
    print(pd.DataFrame(table).drop(columns="assignment").to_string(index=False))
    if pairs:
        gain, low, high = pooled(pairs)
        print(f"against w2a2, mean of {len(pairs)} seeds: {gain:.2f} points [{low:.2f}, {high:.2f}]")


if __name__ == "__main__":
    main()
