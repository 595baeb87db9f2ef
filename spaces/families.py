"""Families of speech models whose layers can be quantized: what their configs and tensors are called."""

from dataclasses import dataclass

from spaces.errors import UserError


@dataclass(frozen=True)
class Family:
    """A kind of model of transformers.

    Attributes:
        model_type: as its config says.
        prefix: of the encoder's tensors under a CTC head.
    """

    model_type: str
    prefix: str


PACKED = "hubits-"  # before the model_type of a packed checkpoint
_HUBERT = Family("hubert", "hubert")
FAMILIES = {one.model_type: one for one in (_HUBERT,)}


def family_of(config: object, where: str) -> Family:
    """The family that a config belongs to; a HuBERT where it does not say.

    Raises:
        UserError: if it is no object, or of a family that is not there.
    """
    kind = config.get("model_type", _HUBERT.model_type) if isinstance(config, dict) else None
    kind = kind.removeprefix(PACKED) if isinstance(kind, str) else kind
    if kind not in FAMILIES:
        raise UserError(f"{where}: is not the config of a {' or '.join(FAMILIES)} (model_type is {kind!r})")
    return FAMILIES[kind]
