"""The pocket study's architecture and spaces over it."""

from evaluators.models.families import pocket_config
from spaces import Architecture, SearchSpace

ARCHITECTURE = Architecture(pocket_config().to_dict(), "pocket")
BITS = [1, 2, 4, 8, 16]


def space_of(granularity: str = "module", **more: object) -> SearchSpace:
    given = more or {"weight_bits": BITS, "activation_bits": BITS}
    return SearchSpace(ARCHITECTURE, granularity=granularity, **given)  # type: ignore[arg-type]
