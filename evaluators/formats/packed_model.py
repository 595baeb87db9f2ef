"""Packed checkpoints as models of transformers: ``AutoModelForCTC.from_pretrained`` reads a folder after this import.

A folder's config has a ``model_type`` of its own, such as ``hubits-hubert``: a transformers that does not know it
refuses it, where an unknown quantization method would have it go on with random weights.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCTC, PreTrainedConfig
from transformers.modeling_outputs import CausalLMOutput

from evaluators.costs.layout import CHECKPOINT, FORMAT, METADATA, packed_entries
from evaluators.formats.packed_layers import compute_in_float, pack_layer
from evaluators.models.families import CLASSES, encoder
from evaluators.models.forward import CtcModel, mixed_precision
from evaluators.models.padding import keep_padding_out
from evaluators.models.tensors import save_tensors
from evaluators.quantization.layers import ATTENTION
from spaces.architecture import Architecture
from spaces.assignment import Assignment
from spaces.errors import UserError
from spaces.families import PACKED

Tensors = dict[str, Tensor]
_NEVER = -1e4  # a logit that no other one comes near


class _PackedModel:
    """What a packed model has over its family's: weights stay packed, and compute what hubits scored.

    It reads speech and nothing else: there is no training, and one forward pass at a time.
    """

    def __init__(self, config: Any) -> None:
        super().__init__(config)  # type: ignore[call-arg]
        own: CtcModel = self
        self.architecture = Architecture(config.to_dict(), "config.json")
        self.assignment = Assignment.from_dict(
            getattr(config, "assignment", None), self.architecture, "config.json: assignment"
        )
        keep_padding_out(encoder(own))
        for layer in self.architecture.layers:
            pack_layer(own.get_submodule(layer.path), layer, self.assignment[layer.name])
        compute_in_float(own)
        own.set_attn_implementation(ATTENTION)
        own.requires_grad_(False)

    def _init_weights(self, module: Any) -> None:
        """Nothing is random here: what a file lacks is an error."""

    @classmethod
    def from_pretrained(cls, source: Any, *args: Any, **kwargs: Any) -> Any:
        """As transformers' own; floats stay in fp16, as they are in the file.

        Raises:
            UserError: if a tensor is missing, of another shape, or of another model.
        """
        wanted = kwargs.pop("output_loading_info", False)
        model, info = super().from_pretrained(source, *args, **kwargs, output_loading_info=True)  # type: ignore[misc]
        wrong = [*info["missing_keys"], *info["unexpected_keys"], *info["mismatched_keys"]]
        if getattr(model.config, "superb", False):
            raise UserError(
                f"{source}: a member of a SUPERB study is a speech model under a head of its own, no CTC model of "
                "transformers; hubits.load reads it"
            )
        if wrong:
            raise UserError(f"{source}: tensor {wrong[0]} is not what the assignment in config.json asks for")
        for parameter in model.parameters():
            parameter.data = parameter.data.half()
        for name, buffer in model.named_buffers():
            if buffer.is_floating_point():
                parent, _, leaf = name.rpartition(".")
                setattr(model.get_submodule(parent), leaf, buffer.half())
        return (model, info) if wanted else model

    @property
    def dtype(self) -> torch.dtype:
        """Of what comes in: floats lie in fp16, but nothing is computed in it."""
        return torch.float32

    def save_pretrained(self, save_directory: Any, **_: Any) -> None:
        """Write config.json and the packed file, byte for byte as they were read."""
        folder, own = Path(save_directory), self
        folder.mkdir(parents=True, exist_ok=True)
        own.config.save_pretrained(folder)  # type: ignore[attr-defined]
        save_tensors(packed_state(own), folder / CHECKPOINT, METADATA)

    def forward(self, input_values: Tensor, attention_mask: Tensor | None = None, **kwargs: Any) -> CausalLMOutput:
        """Float32 logits (batch, frames, vocabulary) of normalised 16 kHz samples (batch, samples).

        Frames of padding are blank: transformers' pipeline reads them too.
        """
        with mixed_precision(input_values.device):
            found = super().forward(input_values, attention_mask=attention_mask, **kwargs)  # type: ignore[misc]
        found.logits = found.logits.float()
        if attention_mask is not None:
            found.logits = self._blanked(found.logits, attention_mask)
        return found

    def _blanked(self, logits: Tensor, mask: Tensor) -> Tensor:
        own: CtcModel = self
        lengths = own._get_feat_extract_output_lengths(mask.sum(-1))
        padding = torch.arange(logits.shape[1], device=logits.device)[None] >= lengths[:, None]
        blank = torch.full_like(logits[0, 0], _NEVER)
        blank[own.config.pad_token_id] = 0.0
        return torch.where(padding[..., None], blank, logits)


def packed_state(model: CtcModel) -> Tensors:
    """The tensors of a packed model as the file has them."""
    state = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    return {k: v.contiguous().cpu() for k, v in state.items()}


def _register(model_type: str) -> tuple[Any, Any]:
    classes = CLASSES[model_type]
    config: Any = type(f"Packed{classes.config.__name__}", (classes.config,), {"model_type": PACKED + model_type})
    model: Any = type(f"Packed{classes.model.__name__}", (_PackedModel, classes.model), {"config_class": config})
    AutoConfig.register(config.model_type, config)
    AutoModelForCTC.register(config, model)
    return config, model


_REGISTERED = {model_type: _register(model_type) for model_type in CLASSES}


def packed_config(config: PreTrainedConfig, assignment: Assignment) -> PreTrainedConfig:
    """The config of a packed model from the float model's."""
    kind, _ = _REGISTERED[config.model_type.removeprefix(PACKED)]
    own = config.to_dict() | {"assignment": assignment.to_dict(), "packed_format": FORMAT, "dtype": "float32"}
    made = kind(**{k: v for k, v in own.items() if k not in ("model_type", "transformers_version")})
    made.architectures = [_REGISTERED[config.model_type.removeprefix(PACKED)][1].__name__]
    return made


def packed_model(config: PreTrainedConfig, assignment: Assignment, tensors: Tensors, source: str) -> CtcModel:
    """A model that computes what packed tensors say: decoded weights, quantized activations.

    Raises:
        UserError: if the tensors are not those of this assignment and architecture.
    """
    architecture = Architecture(config.to_dict(), source)
    entries = packed_entries(architecture, assignment)
    for name, (_, shape) in entries.items():
        if name not in tensors or tuple(tensors[name].shape) != shape:
            raise UserError(
                f"{source}: tensor {name} is not there or not of shape {shape}; the assignment is another's"
            )
    with torch.device("meta"):
        model = _REGISTERED[config.model_type.removeprefix(PACKED)][1](packed_config(config, assignment))
    state = {k: v.half() if v.is_floating_point() else v for k, v in tensors.items() if k in entries}
    model.load_state_dict(state, assign=True)
    return model.requires_grad_(False).eval()
