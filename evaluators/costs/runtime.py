"""Runtime models: runtime of an assignment relative to fp16, by counting or by a device's profile.

``RUNTIME_MODELS`` is the registry. A model is a name, one line about it, and two functions of a model's shapes and an
assignment: the runtime, and the storage that its accounting goes with. The path of a profile is a model too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from evaluators.costs import paper
from evaluators.costs.profile import digest, load_profile, shipped
from evaluators.costs.storage import storage_bytes
from spaces.architecture import Architecture
from spaces.assignment import Assignment
from spaces.errors import UserError

SECONDS = 10.0  # length of the utterance that is counted: attention products grow with its square
Count = Callable[[Architecture, Assignment], float]


@dataclass(frozen=True)
class RuntimeModel:
    """An accounting.

    Attributes:
        runtime: of an assignment, relative to the same model in fp16.
        storage: in bytes, under the same accounting.
        identity: what studies of comparable runtimes have in common.
    """

    name: str
    about: str
    runtime: Count
    storage: Count
    identity: str


def bit_operations(architecture: Architecture, assignment: Assignment) -> float:
    """Multiply-adds of the whole model, each weighted by its precision's cost, relative to fp16.

    >>> from spaces import Precision, named_architecture
    >>> model = named_architecture("hubert-base")
    >>> bit_operations(model, Assignment.uniform(model.layers, Precision.of(8, 8)))
    1.0
    """
    counts = _counts(architecture)
    spent = sum(n * (assignment[name].cost if name != "lm_head" else 1.0) for name, n in counts.items())
    return spent / sum(counts.values())


@lru_cache(maxsize=8)
def _counts(architecture: Architecture) -> dict[str, int]:
    return architecture.multiply_adds(SECONDS)


def _profiled(name: str, path: Path) -> RuntimeModel:
    """The model that a profile is."""
    profile = load_profile(path)

    def share(architecture: Architecture, assignment: Assignment) -> float:
        try:
            return profile.time(architecture, assignment) / profile.time(architecture, Assignment({}))
        except UserError as error:
            raise UserError(f"{path}: {error}") from None

    return RuntimeModel(name, profile.about, share, storage_bytes, digest(path))


RUNTIME_MODELS = {
    one.name: one
    for one in (
        RuntimeModel("bitops", "bit operations, w8a8 costing what fp16 does", bit_operations, storage_bytes, "bitops"),
        RuntimeModel("paper", "the paper's accounting of its own model", paper.runtime, paper.storage_bytes, "paper"),
    )
} | {name: _profiled(name, path) for name, path in shipped().items()}


def runtime_model(name: str, where: str = "runtime") -> RuntimeModel:
    """The runtime model of a name, or of the path of a profile.

    Raises:
        UserError: if there is none, or the profile is wrong.
    """
    if name.endswith(".toml"):
        return _profiled(Path(name).stem, Path(name))
    if name not in RUNTIME_MODELS:
        raise UserError(
            f"{where}: {name!r} is no runtime model; choose from {', '.join(RUNTIME_MODELS)}, or name a profile.toml"
        )
    return RUNTIME_MODELS[name]


def runtime(architecture: Architecture, assignment: Assignment, model: str = "bitops") -> float:
    """Estimated runtime relative to fp16.

    Raises:
        UserError: if the model does not exist, or does not hold for this architecture.
    """
    return runtime_model(model).runtime(architecture, assignment)
