"""Measuring a candidate: its finetune and its score on the development corpus, later its score on the test corpora."""

import math
from typing import Any

from evaluators.costs.layout import head_path
from evaluators.data.corpus import fingerprint
from evaluators.data.load import CorpusSettings, load_corpus
from evaluators.decoding import Decode, beam_search
from evaluators.error_rate import recorded
from evaluators.files import write_json
from evaluators.formats.packed import save_packed
from evaluators.models.forward import arithmetic, device_name
from evaluators.models.tensors import read_stored, save_half
from search.running.cache import study_evaluator, watch
from search.running.job import MeasureJob, ScoreJob
from search.study.layout import checkpoint_path, result_path


def measure(job: MeasureJob) -> dict[str, Any]:
    """Finetune, pack, score, and write down what came out before it is handed back."""
    base, evaluator = study_evaluator(job.study)
    evaluator.warm_up()  # what is loaded once is no trial's own time
    file = base.at(job.fidelity)
    measured = evaluator.measure(job.assignment, file.finetune, job.accumulation, watch(job))
    checkpoint = checkpoint_path(file, job.assignment.digest)
    save_packed(measured.tensors, checkpoint)
    if measured.head is not None:
        save_half(measured.head, head_path(checkpoint), {"format": "pt"})
    result = {
        "digest": job.assignment.digest,
        **recorded(measured.score.errors),
        "ctc": measured.score.ctc,
        "divergence": measured.score.divergence,
        "steps": measured.steps,
        "seconds": {stage: round(s, 3) for stage, s in measured.seconds.items()},
        "fingerprint": f"{fingerprint(evaluator.dev)} {arithmetic(evaluator.device)}",
        "device": device_name(evaluator.device),
    }
    if not math.isfinite(result["wer"]):
        raise ArithmeticError("the error rate is not a finite number")
    write_json(result, result_path(file, job.assignment.digest))
    return result


def score(job: ScoreJob) -> dict[str, Any]:
    """Scores of a packed checkpoint on the test corpus; under ``other`` on the second one, under ``beam`` by a beam."""
    base, evaluator = study_evaluator(job.study)
    file = base.at(job.fidelity)
    checkpoint = checkpoint_path(file, job.assignment.digest)
    tensors, head = read_stored(checkpoint), head_path(checkpoint) if file.superb is not None else None

    def scored(corpus: CorpusSettings, decode: Decode | None = None) -> dict[str, Any]:
        return recorded(evaluator.score(tensors, job.assignment, load_corpus(corpus), head, decode))

    assert file.corpora.test is not None
    found = scored(file.corpora.test)
    if file.corpora.test_other is not None:
        found["other"] = scored(file.corpora.test_other)
    if file.decoding is not None:
        search = beam_search(evaluator.vocabulary, file.decoding.words, file.decoding.beam)
        found["beam"] = scored(file.corpora.test, search)
    return found
