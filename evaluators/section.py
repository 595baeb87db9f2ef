"""What every section of a study file is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of a study file: unknown keys are refused, values are fixed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
