"""Is the device kept busy? ``python -m tests.benchmarks.throughput --json``.

- scoring: seconds of speech whose WER is scored in a second, from FLAC files to word errors;
- waiting: the share of a finetune in which it waits for input, from FLAC files, at w2a2 with the teacher;
- sharing: candidates an hour of the pocket study with several at a time on the device, over one at a time that has
  all of it.

The first two run HuBERT Base of random weights on a GPU and the pocket model on a CPU, on noise: neither weights nor
sounds change how much is computed.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from transformers import HubertConfig, HubertForCTC

from evaluators.data.batches import loaded, training_batches
from evaluators.data.corpus import Corpus, seconds
from evaluators.data.load import load_corpus
from evaluators.data.manifest import read_manifest
from evaluators.data.vocabulary import POCKET_TOKENS, Vocabulary
from evaluators.models.families import build
from evaluators.models.folder import load_model
from evaluators.quantization.insert import calibrate, insert_quantizers, ladder_assignments, set_precisions
from evaluators.scoring import recognition_errors
from evaluators.settings import FinetuneSettings
from evaluators.training.loop import optimise
from evaluators.training.losses import distillation_loss, teacher_of
from evaluators.training.supernet import FORMATS
from search.running.executors import make_executor
from search.stages.run import search_study
from search.stages.stage import RunContext, Stop
from search.study.snapshot import measured_candidates
from search.study.study_file import StudyFile
from spaces import Architecture, Assignment, Precision
from spaces.architecture import SAMPLE_RATE

MODEL = Path("studies/pocket/model")
SHARING = """
name = "sharing"
[model]
folder = "{model}"
supernet = "{model}/supernet.safetensors"
[corpora.train]
kind = "pocket"
split = "train"
size = 1000
[corpora.dev]
kind = "pocket"
split = "dev"
size = 300
[space]
weight_bits = [1, 2, 4, 8, 16]
activation_bits = [1, 2, 4, 8, 16]
[finetune]
steps = 16
low_bit_steps = 16
[search]
trials = {trials}
sampler = "random"
workers = {workers}
cpus_per_trial = {cpus}
gpus_per_trial = {gpus}
executor = "ray"
"""
_FILES, _EACH = 40, 10.0  # noise is written once and read again and again
_WARM_UP = 2  # steps that are not counted
_now = time.perf_counter


def speech(folder: Path, hours: float) -> Corpus:
    """FLAC files of noise with made-up transcripts, listed until they are so long."""
    rng = np.random.default_rng(0)
    lines = []
    for i in range(round(hours * 3600 / _EACH)):
        name = f"{i % _FILES}.flac"
        if i < _FILES:
            wave = 0.1 * rng.standard_normal(int(SAMPLE_RATE * _EACH * rng.uniform(0.5, 1.5)))
            soundfile.write(folder / name, wave.astype(np.float32), SAMPLE_RATE)
        text = " ".join("".join(rng.choice(list("ETAOIN"), 5)) for _ in range(25))
        lines.append(json.dumps({"audio": name, "text": text}))
    (folder / "speech.jsonl").write_text("\n".join(lines) + "\n")
    return read_manifest(folder / "speech.jsonl")


def a_model(device: torch.device) -> tuple[HubertForCTC, Vocabulary]:
    """HuBERT Base of random weights on a GPU, the pocket study's model on a CPU."""
    if device.type == "cuda":
        return build(HubertConfig(vocab_size=len(POCKET_TOKENS)), seed=0).to(device), Vocabulary(POCKET_TOKENS)
    model, vocabulary = load_model(MODEL)
    return model.to(device), vocabulary


def scoring(corpus: Corpus, few: Corpus, device: torch.device) -> float:
    """How many times faster than real time a corpus is scored, warmed up on a few utterances."""
    model, vocabulary = a_model(device)
    recognition_errors(model, vocabulary, few)
    started = _now()
    recognition_errors(model, vocabulary, corpus)
    return seconds(corpus) / (_now() - started)


def waiting(corpus: Corpus, device: torch.device, batch_seconds: float, steps: int) -> dict[str, float]:
    """Share of the time of finetune steps at w2a2, teacher included, that goes by until a batch is there."""
    model, vocabulary = a_model(device)
    student, _ = a_model(device)
    settings = FinetuneSettings(batch_seconds=batch_seconds)
    layers = [x for x in Architecture(model.config.to_dict()).layers if x.block is not None]
    batches = loaded(corpus, vocabulary, training_batches(corpus, batch_seconds, 0), device)
    insert_quantizers(student, layers, ladder_assignments(layers, FORMATS))
    student.to(device).requires_grad_(True)
    calibrate(student, next(batches))
    set_precisions(student, layers, Assignment.uniform(layers, Precision.of(2, 2)))
    teach, waited, ends = teacher_of(model, settings), [0.0], [0.0]

    def losses(step: int) -> Iterator[torch.Tensor]:
        started = _now()
        batch = next(batches)
        waited.append(_now() - started)
        yield distillation_loss(student, batch, teach(batch), settings)

    def ended(_step: int, _loss: float) -> None:  # the loss was read, so the device has finished
        ends.append(_now())

    optimise(
        student.eval(), losses, steps=_WARM_UP + steps, learning_rate=1e-6, warmup=0.0, on_step=ended
    )  # fmt: skip
    spent = ends[-1] - ends[_WARM_UP]
    return {
        "share": round(sum(waited[_WARM_UP + 1 :]) / spent, 4), "step_ms": round(1000 * spent / steps),
        "batch_seconds": batch_seconds,
    }  # fmt: skip


def trials_an_hour(folder: Path, at_a_time: int, trials: int) -> float:
    """Candidates an hour of the demo, so many at a time on one device, the start of the workers included."""
    share = 1 / at_a_time if torch.cuda.is_available() else 0.0
    cores = os.cpu_count() or 1
    folder.mkdir()
    path = folder / "sharing.toml"
    path.write_text(
        SHARING.format(
            model=MODEL.resolve(), trials=trials, workers=at_a_time, cpus=max(1, cores // at_a_time), gpus=share
        )
    )
    file = StudyFile.load(path)
    load_corpus(file.corpora.train), load_corpus(file.corpora.dev)  # spoken before the clock runs
    executor = make_executor(file.search)
    started = _now()
    try:
        search_study(file, RunContext(executor, lambda _: None, Stop()))
    finally:
        executor.close()
    return 3600 * len(measured_candidates(file)) / (_now() - started)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    gpu = torch.cuda.is_available()
    parts = ["scoring", "waiting", "sharing"]
    parser.add_argument("--json", action="store_true", help="print nothing but JSON")
    parser.add_argument("--only", nargs="*", choices=parts, default=parts)
    parser.add_argument("--hours", type=float, default=5.0 if gpu else 0.5, help="of speech that is scored")
    parser.add_argument("--steps", type=int, default=30, help="of the finetune")
    parser.add_argument("--batch-seconds", type=float, default=80.0 if gpu else 40.0)
    parser.add_argument("--at-a-time", type=int, default=4 if gpu else os.cpu_count())
    parser.add_argument("--trials", type=int, default=32 if gpu else 12)
    chosen = parser.parse_args()
    device = torch.device("cuda" if gpu else "cpu")
    found: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if gpu else f"CPU, {torch.get_num_threads()} threads",
        "model": "hubert-base, random weights" if gpu else "pocket",
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = speech(folder, chosen.hours)
        if "scoring" in chosen.only:
            times = scoring(corpus, speech(folder, 8 * _EACH / 3600), device)
            found["scoring"] = {"hours": chosen.hours, "times_real_time": round(times, 1)}
        if "waiting" in chosen.only:
            found["waiting"] = waiting(corpus, device, chosen.batch_seconds, chosen.steps)
        if "sharing" in chosen.only:
            one, several = (trials_an_hour(folder / str(n), n, chosen.trials) for n in (1, chosen.at_a_time))
            found["sharing"] = {
                "at_a_time": chosen.at_a_time, "trials_an_hour": [round(one), round(several)],
                "ratio": round(several / one, 2),
            }  # fmt: skip
    print(json.dumps(found) if chosen.json else json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
