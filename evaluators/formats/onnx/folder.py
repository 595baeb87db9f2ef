"""An exported ONNX folder: the model, and the small files that transformers, sherpa-onnx and hubits want beside it."""

from pathlib import Path

import torch
from transformers import PreTrainedConfig

from evaluators.costs.layout import ASSIGNMENT, ONNX
from evaluators.data.vocabulary import BOUNDARY, Vocabulary
from evaluators.files import whole
from evaluators.formats.exported import write_processor
from evaluators.formats.onnx.layers import Tensors
from evaluators.formats.onnx.model import onnx_model
from spaces.architecture import Architecture
from spaces.assignment import Assignment

_WORD = "\u2581"  # what sherpa-onnx takes for the space between words


@torch.no_grad()
def write_onnx(
    folder: Path, config: PreTrainedConfig, assignment: Assignment, tensors: Tensors, vocabulary: Vocabulary
) -> None:
    """Write a packed member as ONNX.

    Args:
        tensors: of its packed file.

    Raises:
        UserError: if the model computes something that the export does not know.
    """
    made = onnx_model(Architecture(config.to_dict()), assignment, tensors)
    folder.mkdir(parents=True, exist_ok=True)
    write_processor(folder, vocabulary)
    (folder / ASSIGNMENT).write_text(assignment.to_json() + "\n", encoding="utf-8")
    symbols = {vocabulary.tokens[vocabulary.blank]: "<blk>", BOUNDARY: _WORD}
    lines = [f"{symbols.get(token, token)} {i}" for i, token in enumerate(vocabulary.tokens)]
    (folder / "tokens.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with whole(folder / ONNX) as part:
        part.write_bytes(made.SerializeToString())
