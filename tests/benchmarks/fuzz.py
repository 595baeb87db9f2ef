"""Broken inputs by the thousand: ``python -m tests.benchmarks.fuzz --inputs 10000 --json``.

Study files, manifests, assignments, packed checkpoints and WAVs are mutated, byte by byte or line by line, and read as
a user's files would be. Each has to end in a result or in one ``UserError``; anything else is counted as a traceback,
and more than five seconds of the processor as a hang.
"""

import argparse
import json
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from evaluators.costs.profile import load_profile
from evaluators.data.audio import read_audio
from evaluators.data.manifest import read_manifest
from evaluators.formats.onnx.session import OnnxReader
from evaluators.formats.onnx.timing import measure_profile
from evaluators.formats.packed import load_packed
from evaluators.models.folder import load_config, load_model
from search.front.export import EXPORT_FORMATS, export_candidate
from search.running.executors import InlineExecutor
from search.stages.check import missing
from search.stages.run import search_study
from search.stages.stage import RunContext, Stop
from search.study.snapshot import measured_candidates
from search.study.study_file import StudyFile
from spaces import Assignment, UserError
from tests.conftest import write_study

_SECONDS, _AT_MOST = 5, 120  # of the processor; of the clock, for what waits rather than computes
_TOKENS = (
    b'"', b"[", b"]", b"{", b"}", b"=", b"\n", b"\0", b"-1", b"0", b"1e999", b"nan", b"null", b"true", b"../", b"/",
    b"\xff\xfe", b"9" * 30, b'"w3a3"', b'"w1a1"', b"[[", b"#", b",", b"\xe2\x80\xae", b"'", b"\\", b"\r", b"[" * 2000,
)  # fmt: skip


class HangError(BaseException):
    """Reading took too long; no ``Exception``, so that nothing swallows it."""


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """A few changes: bytes flipped, cut out, doubled, moved, or replaced by what parsers stumble over."""
    for _ in range(int(rng.integers(1, 5))):
        if not data:
            return bytes(_TOKENS[int(rng.integers(len(_TOKENS)))])
        kind, at = int(rng.integers(6)), int(rng.integers(len(data)))
        end = min(len(data), at + int(rng.integers(1, 40)))
        if kind == 0:
            data = data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[end:]
        elif kind == 2:
            data = data[:end] + data[at:]
        elif kind == 3:
            data = data[:at]
        elif kind == 4:
            data = data[:at] + _TOKENS[int(rng.integers(len(_TOKENS)))] + data[at:]
        else:
            other = int(rng.integers(len(data)))
            data = data[:at] + data[other : other + end - at] + data[end:]
    return data


def targets(root: Path) -> dict[str, tuple[Path, Callable[[Path], Any]]]:
    """What is mutated, and how a command would read it."""
    study = write_study(root / "study")
    file = StudyFile.load(study)
    found = search_study(file, RunContext(InlineExecutor(), lambda _: None, Stop()))
    for form in EXPORT_FORMATS:
        export_candidate(file, next(m for m in found if m.name == "w2a2"), root / form, form)
    profile = root / "machine.toml"
    measure_profile(file.architecture, profile, lambda *_: None)

    def read_study(path: Path) -> None:
        one = StudyFile.load(path)
        missing(one)
        measured_candidates(one)

    def read_corpus(path: Path) -> None:
        corpus = read_manifest(path)
        for i in range(len(corpus.texts)):
            corpus.wave(i)

    folder, model = root / "packed", root / "study" / "model"
    return {
        "study": (study, read_study),
        "manifest": (root / "study" / "speech.jsonl", read_corpus),
        "assignment": (folder / "assignment.json", lambda p: Assignment.load(p, file.architecture)),
        "packed checkpoint": (folder / "model.safetensors", lambda p: load_packed(p.parent)),
        "packed config": (folder / "config.json", lambda p: load_packed(p.parent)),
        "onnx": (root / "onnx" / "model.onnx", lambda p: OnnxReader(p.parent, threads=1)),
        "profile": (profile, load_profile),
        "float checkpoint": (model / "model.safetensors", lambda p: load_model(p.parent)),
        "float config": (model / "config.json", lambda p: load_config(p.parent)),
        "vocabulary": (model / "vocab.json", lambda p: load_model(p.parent)),
        "wav": (root / "study" / "0.wav", read_audio),
    }


def fuzz(inputs: int, root: Path, seed: int = 0) -> dict[str, Any]:
    """Read so many mutated inputs; what came of them."""
    rng = np.random.default_rng(seed)
    wanted = targets(root)
    names = list(wanted)
    outcomes: Counter[str] = Counter()
    traces: dict[str, str] = {}

    def overdue(_signal: int, _frame: FrameType | None) -> None:
        raise HangError

    before = {kind: signal.signal(kind, overdue) for kind in (signal.SIGALRM, signal.SIGPROF)}
    for i in range(inputs):
        name = names[i % len(names)]
        path, read = wanted[name]
        whole = path.read_bytes()
        path.write_bytes(mutate(whole, rng))
        signal.setitimer(signal.ITIMER_PROF, _SECONDS)
        signal.alarm(_AT_MOST)
        try:
            read(path)
            outcomes["results"] += 1
        except UserError as error:
            outcomes["errors" if "\n" not in str(error) else "long errors"] += 1
        except HangError:
            outcomes["hangs"] += 1
            traces.setdefault(f"{name}: hang", "")
        except Exception as error:
            outcomes["tracebacks"] += 1
            place = traceback.extract_tb(error.__traceback__)[-1]
            traces.setdefault(f"{name}: {type(error).__name__} {place.filename}:{place.lineno}", str(error)[:200])
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
            path.write_bytes(whole)
        if (i + 1) % 500 == 0:
            print(f"{i + 1}/{inputs} inputs, {outcomes['tracebacks']} tracebacks, {outcomes['hangs']} hangs",
                  file=sys.stderr, flush=True)  # fmt: skip
    for kind, handler in before.items():
        signal.signal(kind, handler)
    for place, message in traces.items():
        print(f"{place}: {message}", file=sys.stderr)
    counts = ("tracebacks", "hangs", "errors", "results", "long errors")
    return {"inputs": inputs, **{key: outcomes[key] for key in counts}}


def main() -> None:
    """Fuzz and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print nothing but JSON")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(chosen.inputs, Path(folder), chosen.seed)
    print(json.dumps(found) if chosen.json else "\n".join(f"{key}: {value}" for key, value in found.items()))


if __name__ == "__main__":
    main()
