"""What a study file may say about training and scoring: one frozen model for each of its sections (no torch here)."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from evaluators.costs.paper import OURS, RECIPES
from evaluators.section import Section
from spaces.names import choices


class TrainingSettings(Section):
    """What the training runs of the float model and of the supernet have in common."""

    steps: int = Field(gt=0, description="optimizer steps")
    learning_rate: float = Field(gt=0, description="peak of the cosine schedule")
    batch_seconds: float = Field(80.0, gt=0, description="padded seconds of audio a batch")
    warmup: float = Field(0.08, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    weight_decay: float = Field(0.01, ge=0)
    seed: int = 0
    save_every: int = Field(500, gt=0, description="steps between resume points")
    speed_perturb: float = Field(
        0.12, ge=0, lt=0.5, description="each wave is played up to this share faster or slower"
    )
    accumulation: int = Field(1, gt=0, description="in how many parts a batch is worked through, for want of memory")
    processes: int = Field(
        1, gt=0, description="that share each batch, through Ray Train, each on a GPU of its own where there are GPUs"
    )
    more_share: float = Field(0.5, gt=0, lt=1, description="share of corpora.more in the speech, where there is one")


class FloatSettings(TrainingSettings):
    """Training of the float model."""

    start: Path | None = Field(None, description="folder of a checkpoint to start from; without it random weights")
    frozen_front_end: bool = Field(False, description="leave the convolutional feature extractor as it is")


class DecodingSettings(Section):
    """A beam search over a list of words, by which the finished front is scored beside greedy transcripts."""

    words: Path = Field(description="a file with a word a line")
    beam: int = Field(50, gt=0, description="hypotheses that are kept after each frame")


class FinetuneSettings(Section):
    """The short quantization-aware finetune of one candidate."""

    steps: int = Field(20, ge=0, description="optimizer steps; 0 scores the supernet as it is")
    low_bit_steps: int = Field(
        0, ge=0, description="further steps for a candidate all at 1 bit, in proportion below 2 bits"
    )
    learning_rate: float = Field(3e-4, gt=0)
    batch_seconds: float = Field(40.0, gt=0, description="padded seconds of audio a batch")
    seed: int = 0
    ctc_weight: float = Field(0.5, ge=0, description="weight of the CTC loss on the transcripts")
    logit_weight: float = Field(1.0, ge=0, description="weight of the KL divergence to the float model's outputs")
    block_weight: float = Field(0.0, ge=0, description="weight of the MSE to the float model's block outputs")
    attention_weight: float = Field(0.0, ge=0, description="weight of the MSE to the float model's attention weights")
    dev_utterances: int | None = Field(None, gt=0, description="score on so many development utterances; all without")

    @property
    def as_the_paper(self) -> "FinetuneSettings":
        """The same finetune by the paper's distillation: output, block outputs and attention weights."""
        weights = {"ctc_weight": 0.0, "logit_weight": 1.0, "block_weight": 1.0, "attention_weight": 1.0}
        return self.model_copy(update=weights)


class RefineSettings(Section):
    """The longer finetune that ``hubits refine`` gives the front's members; all else is the short finetune's."""

    steps: int = Field(128, gt=0, description="optimizer steps")
    low_bit_steps: int = Field(64, ge=0)
    learning_rate: float | None = Field(None, gt=0, description="without it the short finetune's")


class RecipesSettings(Section):
    """The comparison of the paper's recipes with ours, from the float model at equal steps: ``hubits recipes``."""

    names: tuple[str, ...] = Field(("sqwq", "bit-l", "bit-la"), min_length=1)
    bits: tuple[Literal[1, 2, 4, 8], ...] = Field((8, 4, 2, 1), min_length=1)
    seeds: int = Field(3, gt=0)
    steps: int = Field(100, gt=0, description="optimizer steps, the same for every recipe and width")
    learning_rates: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (1e-3,), min_length=1,
        description="peak rates that each recipe and width tries with the first seed; the best on dev is its own",
    )  # fmt: skip

    @field_validator("names")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        there = [name for name in RECIPES if name != OURS]
        for name in names:
            if name not in there:
                raise ValueError(f"{name!r} is no recipe; {choices(name, there)}")
        return names

    @field_validator("names", "bits", "learning_rates")
    @classmethod
    def _once_each(cls, given: tuple[object, ...]) -> tuple[object, ...]:
        if len(set(given)) < len(given):
            raise ValueError("names something twice")
        return given


class SuperbSettings(Section):
    """SUPERB's speech recognition: the finetuned speech model is frozen, a head is trained on it and scored."""

    steps: int = Field(gt=0, description="optimizer steps of the head")
    learning_rate: float = Field(1e-4, gt=0)
    batch_seconds: float = Field(80.0, gt=0, description="padded seconds of audio a batch")
    width: int = Field(1024, gt=0, description="of each direction of the LSTM layers")
    layers: int = Field(2, gt=0)
    dropout: float = Field(0.2, ge=0, lt=1)
    seed: int = 0


class SupernetSettings(TrainingSettings):
    """Training of the shared start: one set of weights, scales per precision, random assignments."""

    ctc_weight: float = Field(0.5, ge=0)
    logit_weight: float = Field(1.0, ge=0)
    block_weight: float = Field(1.0, ge=0)
    attention_weight: float = Field(0.0, ge=0)
