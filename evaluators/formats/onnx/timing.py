"""Timing the layers of a model in onnxruntime, one thread, into a measured profile."""

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from onnx import ModelProto, TensorProto, helper

from evaluators.costs.layout import activation_tensors, packed_entries
from evaluators.costs.profile import Measured, load_profile, timed_key, to_toml
from evaluators.costs.work import layer_work
from evaluators.files import whole
from evaluators.formats.onnx.attention import Products
from evaluators.formats.onnx.graph import Graph
from evaluators.formats.onnx.layers import Weights, convolution, linear, position
from evaluators.formats.onnx.model import Exporter, onnx_model
from evaluators.formats.onnx.session import session
from spaces.architecture import SAMPLE_RATE, Architecture, Layer
from spaces.assignment import Assignment, fitted
from spaces.errors import UserError
from spaces.precision import FORMATS, FP16, Precision

_AT_LEAST, _RUNS = 0.2, 7  # seconds and runs of each layer, each time
_TIMES = 2  # apart from one another; the faster counts, since a busy neighbour can only slow a machine down
_WEIGHTS = FORMATS[-2]  # whatever its format, a weight is int8 when it is multiplied
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Timed:
    """Median seconds of a run, and the range of the middle half over that."""

    seconds: float
    spread: float


def measure_profile(architecture: Architecture, path: Path, progress: Progress) -> Measured:
    """Time what a profile lacks of a model's layers, writing each down at once.

    Args:
        path: of the profile; what stands in it already is kept.
        progress: called with how many of how many layers are timed.

    Raises:
        UserError: if there is a profile of another kind or of another machine at the path.
    """
    profile = _begun(path)
    wanted = dict(_wanted(architecture, profile.seconds))
    missing = {key: pair for key, pair in wanted.items() if key not in profile.times}
    count = _TIMES * (len(missing) + 1)
    spreads = [profile.spread] if profile.spread else []
    whole_models: list[list[float]] = []
    for turn in range(_TIMES):
        for done, (key, (layer, precision)) in enumerate(missing.items(), turn * (len(missing) + 1)):
            found = time_layer(architecture, layer, precision, profile.seconds)
            spreads.append(found.spread)
            times = {**profile.times, key: min(found.seconds, profile.times.get(key, found.seconds))}
            profile = profile.model_copy(update={"times": times, "spread": round(float(np.median(spreads)), 4)})
            _write(profile, path)
            progress(done + 1, count)
        whole_models.append([t.seconds for t in time_models(architecture, _anchors(architecture), profile.seconds)])
        progress((turn + 1) * (len(missing) + 1), count)
    profile = _anchored(profile, architecture, np.min(whole_models, axis=0))
    _write(profile, path)
    return profile


def processor() -> str:
    """The CPU's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _begun(path: Path) -> Measured:
    import onnxruntime

    about = f"layers timed one by one on {processor()}, one thread"
    if not path.exists():
        return Measured(kind="measured", about=about, source=f"hubits profile, onnxruntime {onnxruntime.__version__}")
    found = load_profile(path)
    if not isinstance(found, Measured) or found.about != about:
        raise UserError(f"{path}: is a profile of something else ({found.about}); name another file")
    return found


def _write(profile: Measured, path: Path) -> None:
    with whole(path) as part:
        part.write_text(to_toml(profile), encoding="utf-8")


def _anchors(architecture: Architecture) -> tuple[Assignment, Assignment]:
    """The whole model in fp32, and with every layer at 8 bits."""
    return Assignment({}), Assignment.uniform(architecture.layers, Precision.parse("w8a8"))


def _anchored(profile: Measured, architecture: Architecture, seconds: np.ndarray) -> Measured:
    """With what the two whole models, which took so many seconds, say beyond their layers alone."""
    model = str(architecture.parameters)
    (floats, _), (_, alone) = (profile.alone(architecture, one) for one in _anchors(architecture))
    rest = float(seconds[0]) - floats
    # never below 1: a layer alone finds its weights in the caches, one among others does not
    factor = max(1.0, (float(seconds[1]) - rest) / alone)
    return profile.model_copy(
        update={"rest": {**profile.rest, model: rest}, "integer": {**profile.integer, model: factor}}
    )


def _wanted(architecture: Architecture, seconds: float) -> Iterator[tuple[str, tuple[Layer, Precision]]]:
    """Every way in which a layer of some shape can be computed, once."""
    work = layer_work(architecture, seconds)
    inputs = [one for one in FORMATS if one.activations and one.quantized]
    ways = [FP16, *(Precision(w, a) for a in inputs for w in (_WEIGHTS, FORMATS[-1]))]
    for layer in architecture.layers:
        for precision in ways:
            own = fitted(layer, precision)
            yield timed_key(layer, work[layer.name], own), (layer, own)


def time_layer(architecture: Architecture, layer: Layer, precision: Precision, seconds: float) -> Timed:
    """Time one layer of random weights on random values."""
    return _timed([layer_model(architecture, layer, precision, seconds)])[0]


def layer_model(
    architecture: Architecture, layer: Layer, precision: Precision, seconds: float
) -> tuple[ModelProto, dict[str, tuple[int, ...]]]:
    """One layer of random weights as a model, and the shapes of its inputs."""
    tensors = random_tensors(architecture, Assignment({layer.name: precision}), layer)
    graph, frames = Graph(), architecture.frames(round(seconds * SAMPLE_RATE))
    shapes: dict[str, tuple[int, ...]] = {"x": (1, frames, layer.inputs)}
    exporter = Exporter(architecture, Assignment({layer.name: precision}), tensors)
    own: Weights | None = None if layer.kind == "product" else exporter.weights(layer.name)
    if own is None:
        shapes, out = _product(graph, layer, precision, tensors, frames, architecture.hidden)
    elif layer.kind == "linear":
        out = linear(graph, "x", own)
    elif layer.group == "front_end":
        times = [round(seconds * SAMPLE_RATE), *architecture.conv_lengths(round(seconds * SAMPLE_RATE))]
        shapes = {"x": (1, times[layer.depth], layer.inputs)}
        out = convolution(graph, "x", own, architecture.conv_stride[layer.depth])
    else:
        out = position(graph, "x", own, architecture.settings["num_conv_pos_embedding_groups"])
    inputs = [helper.make_tensor_value_info(k, TensorProto.FLOAT, list(shape)) for k, shape in shapes.items()]
    made = graph.model(inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], out, {})
    return made, shapes


def _product(
    graph: Graph, layer: Layer, precision: Precision, tensors: dict[str, Any], frames: int, hidden: int
) -> tuple[dict[str, tuple[int, ...]], str]:
    flat, square = (1, frames, hidden), (1, layer.channels, frames, frames)
    products = Products(tensors, (layer, precision), (layer, precision))
    if layer.module == "scores":
        return {"x": flat, "z": flat}, products.compare(graph, "x", "z")
    return {"x": square, "z": flat}, products.gather(graph, "x", "z")


def time_models(architecture: Architecture, assignments: Sequence[Assignment], seconds: float) -> list[Timed]:
    """Time whole models of random weights on one utterance of noise, by turns."""
    made = (onnx_model(architecture, one, random_tensors(architecture, one)) for one in assignments)
    return _timed([(model, {"x": (1, round(seconds * SAMPLE_RATE))}) for model in made])


def random_tensors(architecture: Architecture, assignment: Assignment, only: Layer | None = None) -> dict[str, Any]:
    """Tensors of a packed file by their shapes: small weights, scales of one."""
    generator = torch.Generator().manual_seed(0)
    scales = {k for x in architecture.layers for k in activation_tensors(x, assignment[x.name])}
    made: dict[str, Any] = {}
    for name, (kind, shape) in packed_entries(architecture, assignment).items():
        if only is not None and not name.startswith(only.path):
            continue
        if kind == "U8":
            made[name] = torch.randint(0, 256, shape, generator=generator).to(torch.uint8)
        elif name in scales:
            made[name] = (torch.zeros if name.endswith("shift") else torch.ones)(shape, dtype=torch.float16)
        else:
            made[name] = (0.05 * torch.randn(shape, generator=generator)).half()
    return made


def _timed(models: Sequence[tuple[ModelProto, dict[str, tuple[int, ...]]]]) -> list[Timed]:
    runs = [_ready(*model) for model in models]
    found: list[list[float]] = [[] for _ in runs]
    while len(found[0]) < _RUNS or min(map(sum, found)) < _AT_LEAST:
        for run, times in zip(runs, found, strict=True):
            started = time.perf_counter()
            run()
            times.append(time.perf_counter() - started)
    quartiles = [np.quantile(times, (0.25, 0.5, 0.75)) for times in found]
    return [Timed(float(median), float((high - low) / median)) for low, median, high in quartiles]


def _ready(made: ModelProto, shapes: dict[str, tuple[int, ...]]) -> Callable[[], object]:
    """A model in a session of one thread that has run once on random values, to be run again."""
    rng = np.random.default_rng(0)
    values = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "layer.onnx"
        path.write_bytes(made.SerializeToString())
        running = session(path, threads=1)
    running.run(None, values)
    return lambda: running.run(None, values)
