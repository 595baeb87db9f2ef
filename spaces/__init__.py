"""What can be chosen: the layers of a HuBERT, precisions, assignments, search spaces. Loads neither torch nor ray."""

from spaces.architecture import Architecture, Layer
from spaces.assignment import Assignment
from spaces.errors import UserError
from spaces.models import ctc_config, named_architecture
from spaces.precision import FP16, BitFormat, Precision
from spaces.space import SearchSpace

__all__ = [
    "FP16",
    "Architecture",
    "Assignment",
    "BitFormat",
    "Layer",
    "Precision",
    "SearchSpace",
    "UserError",
    "ctc_config",
    "named_architecture",
]
