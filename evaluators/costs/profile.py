"""Device profiles in TOML: what a layer's work takes on a named machine, from published rates or from timed kernels.

``roofline``: a layer takes overhead + max(operations / rate, bytes / bandwidth) (Williams, Waterman and Patterson,
"Roofline", 2009), by the first compute type that holds its widths, and so many passes over its output for what lies
between layers. ``measured``: a table of timed layers, and what two timings of the whole model, in fp32 and with every
layer at 8 bits, say of the rest of it and of integer layers among others, whose weights are no longer in the caches.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from evaluators.costs.work import Work, layer_work, variant
from evaluators.section import Section
from spaces.architecture import Architecture, Layer
from spaces.assignment import Assignment
from spaces.errors import UserError
from spaces.precision import Precision

_SHIPPED = Path(__file__).with_name("profiles")


class ComputeType(Section):
    """What a device computes products in.

    Attributes:
        weights: most bits of a weight that it serves; ``activations`` the same of activations.
        rate: 10^9 operations a second, two a multiply-add.
        bytes: of a value.
    """

    name: str
    weights: float
    activations: float
    rate: float = Field(gt=0)
    bytes: float = Field(gt=0)


class Roofline(Section):
    """A device by its rates. Bandwidth in GB/s, overhead in microseconds a layer."""

    kind: Literal["roofline"]
    about: str
    source: str
    seconds: float = Field(10.0, gt=0)
    bandwidth: float = Field(gt=0)
    overhead: float = Field(ge=0)
    passes: float = Field(ge=0, description="over each layer's output in the last type, for norms and activations")
    types: tuple[ComputeType, ...] = Field(min_length=1)

    def time(self, architecture: Architecture, assignment: Assignment) -> float:
        """Seconds of an utterance."""
        work = layer_work(architecture, self.seconds)
        return sum(self._layer(work[x.name], assignment[x.name]) for x in architecture.layers)

    def _layer(self, work: Work, precision: Precision) -> float:
        kind = next((t for t in self.types if _holds(t, precision)), self.types[-1])
        moved = kind.bytes * (work.weights + work.inputs) + self.types[-1].bytes * work.outputs
        between = self.passes * self.types[-1].bytes * work.outputs
        computing = 2 * work.multiply_adds / (kind.rate * 1e9)
        return self.overhead * 1e-6 + max(computing, moved / (self.bandwidth * 1e9)) + between / (self.bandwidth * 1e9)


def _holds(kind: ComputeType, precision: Precision) -> bool:
    return precision.weight.bits <= kind.weights and precision.activation.bits <= kind.activations


class Measured(Section):
    """Timed layers of a machine, in seconds, by the keys of ``evaluators.costs.work``."""

    kind: Literal["measured"]
    about: str
    source: str
    seconds: float = Field(10.0, gt=0)
    spread: float = Field(0.0, ge=0, description="median over layers of the range of the middle half, over the median")
    rest: dict[str, float] = Field(default={}, description="of a model beside its layers, by its number of parameters")
    integer: dict[str, float] = Field(
        default={}, description="of a model's integer layers over the same alone, by its number of parameters"
    )
    times: dict[str, float] = Field(default={}, description="by shape and by how it is computed")

    def time(self, architecture: Architecture, assignment: Assignment) -> float:
        """Seconds of an utterance.

        Raises:
            UserError: naming the layer and the shape that were not timed.
        """
        model = str(architecture.parameters)
        if model not in self.rest:
            raise UserError(f"the profile was not made for {architecture.name}; {_AGAIN}")
        floats, integers = self.alone(architecture, assignment)
        return self.rest[model] + floats + self.integer.get(model, 1.0) * integers

    def alone(self, architecture: Architecture, assignment: Assignment) -> tuple[float, float]:
        """Seconds of the layers timed one by one: of those with float inputs, and of those with integer ones.

        Raises:
            UserError: naming the layer and the shape that were not timed.
        """
        work, found = layer_work(architecture, self.seconds), [0.0, 0.0]
        for x in architecture.layers:
            found[assignment[x.name].activation.quantized] += self._layer(x, work[x.name], assignment[x.name])
        return found[0], found[1]

    def _layer(self, layer: Layer, work: Work, precision: Precision) -> float:
        key = timed_key(layer, work, precision)
        if key not in self.times:
            raise UserError(f"{layer.name} at {precision}: the profile lacks {key!r}; {_AGAIN}")
        return self.times[key]


_AGAIN = "`hubits profile MODEL PROFILE.toml` adds what is missing"
Profile = Roofline | Measured
_PROFILE: TypeAdapter[Profile] = TypeAdapter(Annotated[Profile, Field(discriminator="kind")])


def timed_key(layer: Layer, work: Work, precision: Precision) -> str:
    """Under which a layer's time stands in a measured profile."""
    return f"{work.key}, {variant(layer, precision)}"


def shipped() -> dict[str, Path]:
    """The profiles that come with hubits, by name."""
    return {path.stem: path for path in sorted(_SHIPPED.glob("*.toml"))}


def load_profile(path: Path) -> Profile:
    """Read a profile; anew where the file changed.

    Raises:
        UserError: one line that names the file and the key.
    """
    try:
        found = path.stat()
    except OSError:
        raise UserError(f"{path}: no such profile; `hubits profile MODEL {path.name}` makes one") from None
    return _read(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=32)
def _read(path: Path, _changed: int, _size: int) -> Profile:
    try:
        return _PROFILE.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"][1:]) or "kind"
        raise UserError(f"{path}: {key}: {problem['msg']}"[:300]) from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a TOML file: {error}") from None


def digest(path: Path) -> str:
    """A hash of a profile's content: runtimes of one digest may be compared."""
    return hashlib.sha256(load_profile(path).model_dump_json().encode()).hexdigest()[:12]


def to_toml(profile: Measured) -> str:
    """A measured profile as its file has it."""
    return "\n".join(_lines(profile)) + "\n"


def _lines(profile: Measured) -> Iterator[str]:
    for key, value in profile.model_dump(exclude={"rest", "integer", "times"}).items():
        yield f"{key} = {json.dumps(value)}"
    for table in ("rest", "integer", "times"):
        yield f"\n[{table}]"
        yield from (f"{json.dumps(key)} = {value:.9g}" for key, value in sorted(getattr(profile, table).items()))
