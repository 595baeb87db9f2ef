"""Is it faster in fact, and what are the estimates worth? ``python -m tests.benchmarks.runtime --json``.

For the pocket model and HuBERT Base, random weights, one utterance of 10 s, one thread: PyTorch's fp32, onnxruntime's
fp32 and exports at several widths side by side in interleaved rounds; then mixtures of layers against what each runtime
model foretells. ``results/runtime.csv`` holds every time.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch
from transformers import HubertConfig, HubertForCTC

from evaluators.costs.runtime import runtime
from evaluators.formats.onnx.model import onnx_model
from evaluators.formats.onnx.session import session
from evaluators.formats.onnx.timing import measure_profile, processor, random_tensors
from evaluators.formats.packed_model import packed_model
from spaces import FP16, Architecture, Assignment, Precision, named_architecture
from spaces.assignment import fitted

MODELS = {"pocket": "studies/pocket/model", "hubert-base": "hubert-base"}
ROWS = ("fp16", "w8a8", "w4a4", "w2a2", "w1a1")
RESULTS = Path(__file__).with_name("results") / "runtime.csv"
PROFILES = Path(".benchmarks/runtime")
_SECONDS = 10.0
_POOL = ("w8a8", "w4a8", "w4a4", "w2a4", "w2a2", "w1a1", "w8a16", "w2a16")
Run = Callable[[], object]


def uniform(architecture: Architecture, name: str) -> Assignment:
    """Every layer of the model at a precision, the front end too."""
    return Assignment.uniform(architecture.layers, Precision.parse(name))


def mixtures(architecture: Architecture, count: int) -> dict[str, Assignment]:
    """Some layers in fp16 and the others at widths of their own, from nearly none to nearly all of them quantized."""
    rng = np.random.default_rng(0)
    found = {}
    for i in range(count):
        share, groups = (i + 0.5) / count, {}
        for layer in architecture.layers:
            place = (layer.group, layer.block, layer.depth if layer.group == "front_end" else 0)
            if place not in groups:
                chosen = _POOL[int(rng.integers(len(_POOL)))]
                groups[place] = Precision.parse(chosen) if rng.random() < share else FP16
        own = ((x, groups[x.group, x.block, x.depth if x.group == "front_end" else 0]) for x in architecture.layers)
        found[f"mixture{i}"] = Assignment({x.name: fitted(x, p) for x, p in own})
    return found


def in_onnx(architecture: Architecture, assignment: Assignment, folder: Path) -> Run:
    """An export of random weights, ready to run on noise."""
    path = folder / f"{assignment.digest}.onnx"
    made = onnx_model(architecture, assignment, random_tensors(architecture, assignment))
    path.write_bytes(made.SerializeToString())
    running = session(path, threads=1)
    path.unlink()
    wave = np.random.default_rng(0).standard_normal((1, round(_SECONDS * 16_000))).astype(np.float32)
    return lambda: running.run(None, {"x": wave})


def in_torch(architecture: Architecture) -> Run:
    """The float model as transformers has it, fp32, with its fastest attention."""
    model = HubertForCTC(HubertConfig(**{k: v for k, v in architecture.config.items() if k != "model_type"})).eval()
    wave = torch.randn(1, round(_SECONDS * 16_000), generator=torch.Generator().manual_seed(0))

    def run() -> object:
        with torch.inference_mode():
            return model(wave).logits

    return run


def packed_in_torch(architecture: Architecture, assignment: Assignment) -> Run:
    """A packed checkpoint as transformers runs it: decoded and fake-quantized at every pass."""
    config = HubertConfig(**{k: v for k, v in architecture.config.items() if k != "model_type"})
    model = packed_model(config, assignment, random_tensors(architecture, assignment), "random")
    wave = torch.randn(1, round(_SECONDS * 16_000), generator=torch.Generator().manual_seed(0))

    def run() -> object:
        with torch.inference_mode():
            return model(wave).logits

    return run


def interleaved(runs: Mapping[str, Run], rounds: int) -> dict[str, list[float]]:
    """Seconds of every run in each round, after one that does not count."""
    for run in runs.values():
        run()
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            found[name].append(time.perf_counter() - started)
    return found


def kendall(real: list[float], foretold: list[float], spread: float) -> float:
    """Kendall's tau over the pairs that differ by more than the spread; equal estimates count for neither side."""
    agree = pairs = 0
    for i, j in combinations(range(len(real)), 2):
        if abs(real[i] - real[j]) <= spread * min(real[i], real[j]):
            continue
        pairs += 1
        agree += int(np.sign(real[i] - real[j]) * np.sign(foretold[i] - foretold[j]))
    return agree / pairs if pairs else float("nan")


def compare(name: str, rounds: int, count: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What one model's times say, and its rows of the CSV."""
    architecture = named_architecture(MODELS[name])
    asked = {row: uniform(architecture, row) for row in ROWS} | mixtures(architecture, count)
    with TemporaryDirectory() as folder:
        runs = {row: in_onnx(architecture, assignment, Path(folder)) for row, assignment in asked.items()}
        print(f"{name}: {len(runs)} exports ready", file=sys.stderr)
        packed = packed_in_torch(architecture, asked["w2a2"])
        side = {"pytorch": in_torch(architecture), "packed-w2a2": packed, **{row: runs[row] for row in ROWS}}
        times = interleaved(side, rounds)
        mixed = interleaved({row: runs[row] for row in asked if row not in ROWS or row == "fp16"}, rounds)
    middle = {row: statistics.median(found) for row, found in times.items()}
    # a machine's pace changes over minutes: each is a share of the fp32 of its own rounds
    pace = middle["fp16"] / statistics.median(mixed.pop("fp16"))
    times |= mixed
    middle |= {row: pace * statistics.median(found) for row, found in mixed.items()}
    spreads = [float(np.ptp(np.quantile(found, (0.25, 0.75))) / statistics.median(found)) for found in times.values()]
    spread = statistics.median(spreads)
    path = PROFILES / f"{name}.toml"
    models = ("bitops", "x86-vnni", str(path))
    real = [middle[row] / middle["fp16"] for row in asked]
    told: dict[str, Any] = {
        "seconds": {row: round(middle[row], 4) for row in ("pytorch", "packed-w2a2", *ROWS)},
        "of_onnx_fp32": {row: round(middle[row] / middle["fp16"], 3) for row in ROWS[1:]},
        "of_pytorch_fp32": {row: round(middle[row] / middle["pytorch"], 3) for row in ROWS},
        "spread": round(spread, 4), "tau": {}, "error": {},
    }  # fmt: skip
    rows: list[dict[str, Any]] = [
        {"model": name, "name": other, "seconds": middle[other]} for other in ("pytorch", "packed-w2a2")
    ]
    shares = {m: [runtime(architecture, a, m) for a in asked.values()] for m in models}
    for model, foretold in shares.items():
        label = "measured" if model.endswith(".toml") else "roofline" if model == "x86-vnni" else model
        told["tau"][label] = round(kendall(real, foretold, spread), 3)
        told["error"][label] = round(float(np.mean(np.abs(np.array(foretold) / real - 1))), 4)
    for i, (row, assignment) in enumerate(asked.items()):
        foretold_by = {m if not m.endswith(".toml") else "measured": round(s[i], 4) for m, s in shares.items()}
        rows.append({"model": name, "name": row, "seconds": middle[row], "runtime": round(real[i], 4), **foretold_by,
                     "assignment": assignment.to_json()})  # fmt: skip
    return told, rows


def main() -> None:
    """Time the models asked for and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--mixtures", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    told: dict[str, Any] = {"cpu": processor()}
    rows: list[dict[str, Any]] = []
    for name in chosen.models:
        path = PROFILES / f"{name}.toml"
        path.unlink(missing_ok=True)  # made in the same run as what it foretells
        measure_profile(named_architecture(MODELS[name]), path, lambda done, of: None)
        told[name], found = compare(name, chosen.rounds, chosen.mixtures)
        rows += found
        print(json.dumps({name: told[name]}), file=sys.stderr)
    RESULTS.parent.mkdir(exist_ok=True)
    pd.DataFrame(rows).round(5).to_csv(RESULTS, index=False)
    print(json.dumps(told) if chosen.json else json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
