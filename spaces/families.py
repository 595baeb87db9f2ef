"""Families of speech models whose layers can be quantized: what their configs and tensors are called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spaces.errors import UserError


@dataclass(frozen=True)
class Family:
    """A kind of model of transformers.

    Attributes:
        model_type: as its config says.
        prefix: of the encoder's tensors under a CTC head.
        stacked: whether positions come from a stack of plain convolutions, each behind the other's activation, rather
            than from one with weight norm.
        fixed: what its models do that other families' configs say.
    """

    model_type: str
    prefix: str
    stacked: bool = False
    fixed: Mapping[str, Any] = field(default_factory=dict)


PACKED = "hubits-"  # before the model_type of a packed checkpoint
_HUBERT = Family("hubert", "hubert")
_WAV2VEC2 = Family("wav2vec2", "wav2vec2")  # its layers are HuBERT's
_DATA2VEC = Family(
    "data2vec-audio",
    "data2vec_audio",
    stacked=True,
    fixed={"feat_extract_norm": "layer", "feat_proj_layer_norm": True, "do_stable_layer_norm": False},
)
FAMILIES = {one.model_type: one for one in (_HUBERT, _WAV2VEC2, _DATA2VEC)}
# models of speech whose layers are others than they look, and why they are refused by name
_OTHERS = {
    "wavlm": "its attention does not call its linear layers, so that quantizers in them would do nothing",
}


def family_of(config: object, where: str) -> Family:
    """The family that a config belongs to; a HuBERT where it does not say.

    Raises:
        UserError: if it is no object, or of a family that is not there.
    """
    kind = config.get("model_type", _HUBERT.model_type) if isinstance(config, dict) else None
    kind = kind.removeprefix(PACKED) if isinstance(kind, str) else kind
    if kind in _OTHERS:
        raise UserError(f"{where}: {kind} models cannot be searched: {_OTHERS[kind]}")
    if kind not in FAMILIES:
        raise UserError(f"{where}: is not the config of a {' or '.join(FAMILIES)} (model_type is {kind!r})")
    return FAMILIES[kind]
