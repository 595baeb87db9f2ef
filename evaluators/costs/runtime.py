"""Runtime models: estimated runtime of an assignment relative to fp16. Estimates: nothing is run on a low-bit machine.

``RUNTIME_MODELS`` is the registry. A model is a name, one line about it, and two functions of a model's shapes and an
assignment: the runtime, and the storage that its accounting goes with.
"""

from collections.abc import Callable
from dataclasses import dataclass

from evaluators.costs import paper
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
    """

    name: str
    about: str
    runtime: Count
    storage: Count


def bit_operations(architecture: Architecture, assignment: Assignment) -> float:
    """Multiply-adds of the whole model, each weighted by its precision's cost, relative to fp16.

    >>> from spaces import Precision, named_architecture
    >>> model = named_architecture("hubert-base")
    >>> bit_operations(model, Assignment.uniform(model.layers, Precision.of(8, 8)))
    1.0
    """
    counts = architecture.multiply_adds(SECONDS)
    spent = sum(n * (assignment[name].cost if name != "lm_head" else 1.0) for name, n in counts.items())
    return spent / sum(counts.values())


RUNTIME_MODELS = {
    one.name: one
    for one in (
        RuntimeModel("bitops", "bit operations, w8a8 costing what fp16 does", bit_operations, storage_bytes),
        RuntimeModel("paper", "the paper's accounting of its own model", paper.runtime, paper.storage_bytes),
    )
}


def runtime_model(name: str, where: str = "runtime") -> RuntimeModel:
    """The runtime model of a name.

    Raises:
        UserError: if there is none.
    """
    if name not in RUNTIME_MODELS:
        raise UserError(f"{where}: {name!r} is no runtime model; choose from {', '.join(RUNTIME_MODELS)}")
    return RUNTIME_MODELS[name]


def runtime(architecture: Architecture, assignment: Assignment, model: str = "bitops") -> float:
    """Estimated runtime relative to fp16.

    Raises:
        UserError: if the model does not exist, or does not hold for this architecture.
    """
    return runtime_model(model).runtime(architecture, assignment)
