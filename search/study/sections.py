"""What a study file may say about the model, the space and the search: one frozen model for each of these sections."""

from collections.abc import Collection
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from evaluators.costs.runtime import RUNTIME_MODELS
from evaluators.error_rate import OTHER, Measure
from evaluators.section import Section
from search.samplers.make import SAMPLERS
from spaces.architecture import BLOCK_GROUPS
from spaces.choice import GRANULARITIES
from spaces.names import choices

UNIFORM = ("fp16", "w8a8", "w4a4", "w2a2", "w1a1")


class ModelSettings(Section):
    """The float model and the supernet that candidates start from; paths are relative to the study file."""

    folder: Path = Field(description="config.json, vocab.json and model.safetensors of the float CTC model")
    supernet: Path | None = Field(None, description="weights of the supernet; without it candidates start at the float")
    architecture: str | None = Field(
        None, description="a named model that the folder will hold, such as hubert-base, for checks before it is there"
    )


class SpaceSettings(Section):
    """What may be chosen; see ``spaces.SearchSpace``."""

    granularity: str = Field("module", description="what shares a choice: " + ", ".join(GRANULARITIES))
    groups: tuple[str, ...] = BLOCK_GROUPS
    precisions: tuple[str, ...] = ()
    weight_bits: tuple[int | float, ...] = ()
    activation_bits: tuple[int | float, ...] = ()
    least_bits: dict[str, int | float | str] = Field(
        {}, description='groups whose ladders go no lower, such as {front_end = 4, projection = "w4a8"}'
    )
    uniform: tuple[str, ...] = Field(
        UNIFORM,
        description="rows that are measured before anything else, such as w2a4, or w2a4+w4a8 with the rest apart",
    )


class SearchSettings(Section):
    """How the space is searched."""

    trials: int = Field(24, ge=0, description="candidates to measure, beside the study's uniform rows")
    sampler: str = Field("hubits", description="who proposes: " + ", ".join(SAMPLERS))
    proxies: int = Field(
        0, ge=0, description="mixed candidates scored on the supernet, without a step, beside the rows of the grid"
    )
    plateau: int | None = Field(
        None, gt=0, description="stop after so many mixed candidates in a row that added less than 0.1 % hypervolume"
    )
    seed: int = Field(0, ge=0)
    workers: int = Field(1, gt=0, description="candidates measured at the same time")
    executor: Literal["ray", "inline"] = "ray"
    cpus_per_trial: float = Field(1.0, gt=0)
    gpus_per_trial: float = Field(0.0, ge=0)
    minutes_per_trial: float | None = Field(None, gt=0, description="a trial that takes longer is stopped and fails")
    ray_address: str | None = Field(None, description="of a Ray cluster; without it one on this machine")
    error: Measure = Field("wer", description="what is searched beside storage and runtime: wer or cer")
    runtime: str = Field(
        "bitops", description="the runtime model: " + ", ".join(RUNTIME_MODELS) + ", or a profile.toml"
    )
    max_storage: float | None = Field(None, gt=0, description="MB; candidates above it are not trained")
    max_runtime: float | None = Field(None, gt=0, description="share of fp16; candidates above it are not trained")
    max_wer: float | None = Field(None, gt=0, description="percent; the hubits sampler looks for nothing above it")
    max_cer: float | None = Field(None, gt=0, description="the same where error is cer")
    storage: str | None = Field(None, description="an Optuna storage URL; without it SQLite in the study's folder")

    @property
    def max_error(self) -> float | None:
        """The limit of the error rate that is searched, in percent."""
        return self.max_wer if self.error == "wer" else self.max_cer

    @model_validator(mode="after")
    def _limit_of_what_is_searched(self) -> "SearchSettings":
        other = OTHER[self.error]
        if getattr(self, f"max_{other}") is not None:
            raise ValueError(f"max_{other} is given, but error is {self.error}; give max_{self.error} or change error")
        return self

    @field_validator("gpus_per_trial")
    @classmethod
    def _share_or_whole(cls, gpus: float) -> float:
        if gpus > 1 and gpus != int(gpus):
            raise ValueError("a share of one GPU, or whole ones")
        return gpus

    @field_validator("sampler")
    @classmethod
    def _known_sampler(cls, name: str) -> str:
        return known(name, SAMPLERS)

    @field_validator("runtime")
    @classmethod
    def _known_runtime(cls, name: str) -> str:
        return name if name.endswith(".toml") else known(name, RUNTIME_MODELS)


def known(name: str, registry: Collection[str]) -> str:
    """The name, if a registry has it."""
    if name not in registry:
        raise ValueError(f"there is none of that name; {choices(name, registry)}")
    return name
