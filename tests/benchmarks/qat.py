"""What quantization-aware training costs over float training: ``python -m tests.benchmarks.qat --json``.

A float step and QAT steps (w2a2 and w1a1, attention products included) on the same batch take turns in one run; each
counts the teacher's forward pass, loss, backward pass and optimizer. On a CPU it is the pocket model, on a GPU HuBERT
Base of random weights under bf16. The memory is the GPU's peak; on a CPU what autograd keeps for the backward pass.
"""

import argparse
import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import HubertConfig, HubertForCTC

from evaluators.data.batches import Batch
from evaluators.models.families import build
from evaluators.models.folder import load_model
from evaluators.quantization.insert import calibrate, insert_quantizers, ladder_assignments, set_precisions
from evaluators.rehearsal import made_up_batch
from evaluators.settings import FinetuneSettings
from evaluators.training.losses import distillation_loss, teacher_of
from evaluators.training.supernet import FORMATS
from spaces import Architecture, Assignment, Precision

POCKET = Path("studies/pocket/model")
ARMS = ("float", "w2a2", "w1a1")
SETTINGS = FinetuneSettings(block_weight=1.0)


class Arm:
    """One kind of step: a student with an optimizer of its own."""

    def __init__(self, student: HubertForCTC, teacher: HubertForCTC, batch: Batch) -> None:
        self.student, self.batch = student.eval(), batch
        self.teach = teacher_of(teacher, SETTINGS)
        self.optimiser = torch.optim.AdamW(student.parameters(), lr=1e-5, fused=True)

    def step(self) -> float:
        """Seconds of one optimizer step."""
        _wait(self.batch.audio.device)
        started = time.perf_counter()
        self.loss().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        _wait(self.batch.audio.device)
        return time.perf_counter() - started

    def loss(self) -> torch.Tensor:
        """The teacher's and the student's forward passes."""
        return distillation_loss(self.student, self.batch, self.teach(self.batch), SETTINGS)

    def memory(self) -> int:
        """Bytes: the GPU's peak over one step, or what autograd keeps for the backward pass."""
        device = self.batch.audio.device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            self.step()
            return torch.cuda.max_memory_allocated()
        kept: dict[int, int] = {}
        own = {p.untyped_storage().data_ptr() for p in self.student.parameters()}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            loss = self.loss()
        del loss
        return sum(kept.values())


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def arms(config: HubertConfig, teacher: HubertForCTC, batch: Batch) -> dict[str, Arm]:
    """Each kind of step on the same batch and from the same weights."""
    layers = [x for x in Architecture(config.to_dict()).layers if x.block is not None]
    found = {}
    for name in ARMS:
        student = build(config, seed=0)
        student.load_state_dict(teacher.state_dict())
        if name != "float":
            insert_quantizers(student, layers, ladder_assignments(layers, FORMATS))
            student.to(batch.audio.device)
            calibrate(student, batch)
            set_precisions(student, layers, Assignment.uniform(layers, Precision.parse(name)))
        found[name] = Arm(student.to(batch.audio.device).requires_grad_(True), teacher, batch)
    return found


def measure(rounds: int, seconds: float) -> dict[str, Any]:
    """Ratios of a QAT step to a float step, the median over the rounds."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        config = HubertConfig()
        teacher, each = build(config, seed=0), 10.0
    else:
        teacher, _ = load_model(POCKET)
        config, each = teacher.config, 2.5
    teacher.to(device)
    batch = made_up_batch(seconds, each, config.vocab_size, device)
    kinds = arms(config, teacher, batch)
    for kind in kinds.values():
        kind.step()
    spent = [{name: kind.step() for name, kind in kinds.items()} for _ in range(rounds)]
    memory = {name: kind.memory() for name, kind in kinds.items()}
    ratios = {name: statistics.median(s[name] / s["float"] for s in spent) for name in ARMS[1:]}
    return {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else f"{platform.processor()} CPU".strip(),
        "model": "hubert-base, random weights" if device.type == "cuda" else "pocket",
        "threads": torch.get_num_threads(), "batch_seconds": seconds, "rounds": rounds,
        "float_ms": round(1000 * statistics.median(s["float"] for s in spent)),
        "ratio": round(max(ratios.values()), 3), "ratios": {k: round(v, 3) for k, v in ratios.items()},
        "spread": [round(float(q), 3) for q in np.quantile([s["w2a2"] / s["float"] for s in spent], [0.1, 0.9])],
        "memory_ratio": round(max(memory[n] for n in ARMS[1:]) / memory["float"], 3),
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print nothing but JSON")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batch-seconds", type=float, default=None, help="of audio; by default 80 on a GPU, else 40")
    chosen = parser.parse_args()
    seconds = chosen.batch_seconds or (80.0 if torch.cuda.is_available() else 40.0)
    found = measure(chosen.rounds, seconds)
    print(json.dumps(found) if chosen.json else json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
