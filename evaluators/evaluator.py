"""The evaluator: an assignment in, measured scores and a packed checkpoint out."""

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from evaluators.data.corpus import Corpus, first, refuse_shorter
from evaluators.data.load import CorpusSettings, load_corpus
from evaluators.decoding import Decode
from evaluators.error_rate import Errors
from evaluators.formats.packed import pack
from evaluators.formats.packed_model import packed_model
from evaluators.models.folder import load_config, load_model
from evaluators.models.forward import CtcModel, logits
from evaluators.models.superb import HeadedModel, load_head
from evaluators.quantization.insert import set_precisions
from evaluators.quantization.start import start_student
from evaluators.scoring import Score, corpus_logits, recognition_errors, score
from evaluators.settings import FinetuneSettings, SuperbSettings
from evaluators.training.finetune import finetune, finetune_steps
from evaluators.training.losses import distillation_loss, divergence, teacher_of
from evaluators.training.paper_recipes import start_recipe, train_recipe
from evaluators.training.superb_head import train_head
from evaluators.training.teacher import TeacherCache
from spaces.architecture import Architecture, Layer
from spaces.assignment import Assignment
from spaces.precision import BitFormat

_BLOCKS_ALONE = FinetuneSettings(ctc_weight=0.0, logit_weight=0.0, block_weight=1.0)


@dataclass(frozen=True)
class Measurement:
    """What one candidate's finetune came to.

    Attributes:
        score: errors and losses on the development corpus, scored from the packed tensors.
        tensors: the packed checkpoint.
        head: the weights of SUPERB's head where one was trained on it.
        steps: optimizer steps of the finetune.
        seconds: wall-clock seconds by stage: setup, finetune, score, and head where one was trained.
    """

    score: Score
    tensors: dict[str, Tensor]
    steps: int
    seconds: dict[str, float]
    head: dict[str, Tensor] | None = None


class Evaluator:
    """Measures candidates of one study; keeps models, corpora and the teacher's outputs between them.

    Args:
        folder: the float model's folder.
        supernet: the supernet's weights, or None to start every candidate from the float model's.
        layers: the layers that may be quantized.
        formats: that they may have; layers and formats that the supernet was not trained with are calibrated on it.
        train: what finetunes see.
        dev: what candidates are scored on.
        superb: where it is given, candidates are scored by a head that is trained on the frozen speech model.
    """

    def __init__(
        self,
        folder: Path,
        supernet: Path | None,
        layers: tuple[Layer, ...],
        formats: Iterable[BitFormat],
        train: CorpusSettings,
        dev: CorpusSettings,
        settings: FinetuneSettings,
        superb: SuperbSettings | None = None,
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._layers, self._formats, self._settings = layers, tuple(formats), settings
        teacher, self.vocabulary = load_model(folder)
        self.config = load_config(folder)
        self.architecture = Architecture(self.config.to_dict(), str(folder))
        self._float = teacher.to(self.device)
        self._train, self.dev = load_corpus(train), load_corpus(dev)
        for corpus in (self._train, self.dev):
            refuse_shorter(corpus, self.architecture.frame)
        self._taught = TeacherCache(
            teacher_of(teacher, settings), self._train, self.vocabulary, self.device, settings.batch_seconds,
            settings.seed,
        )  # fmt: skip
        self._folder, self._supernet, self._superb = folder, supernet, superb

    @functools.cached_property
    def _student(self) -> CtcModel:
        student, _ = load_model(self._folder)
        start_student(student, self._layers, self._formats, self._supernet, self._taught.first_batch())
        return student

    @functools.cache  # noqa: B019 - an evaluator lives as long as its process
    def _teacher_on(self, utterances: int) -> list[Tensor]:
        """What the float model says of the first development utterances."""
        return corpus_logits(self._float, self.vocabulary, first(self.dev, utterances))

    @functools.cached_property
    def _start(self) -> dict[str, Tensor]:
        return {k: v.clone() for k, v in self._student.state_dict().items()}

    def warm_up(self) -> None:
        """Load what the first measurement would: the start of all candidates."""
        _ = self._start

    def measure(
        self,
        assignment: Assignment,
        settings: FinetuneSettings | None = None,
        accumulation: int = 1,
        on_step: Callable[[int, float], None] | None = None,
    ) -> Measurement:
        """Finetune an assignment and score what would be packed. Nothing quantized means the float model as it is.

        Args:
            settings: of another fidelity than the evaluator's own: more or fewer steps on the same batches.
            accumulation: in how many parts each batch is worked through, for want of memory.

        Raises:
            DivergedError: if the finetune's loss is not finite.
        """
        settings = settings or self._settings
        torch.manual_seed(settings.seed)
        started = time.perf_counter()
        model = self._float
        steps = finetune_steps(settings, self.architecture, assignment) if len(assignment) else 0
        if len(assignment):
            model = self._student
            model.load_state_dict(self._start)
            model.zero_grad(set_to_none=True)
        ready = time.perf_counter()
        if steps:
            taught = self._taught.steps(steps, accumulation)
            finetune(model, taught, self._layers, assignment, settings, steps, accumulation, on_step)
        tensors = pack(model, self.architecture, assignment)
        trained = time.perf_counter()
        scored, head = self._unpacked(tensors, assignment), None
        if self._superb is not None:
            scored, head = self._headed(scored, accumulation, on_step)
        headed = time.perf_counter()
        dev = self.dev if settings.dev_utterances is None else first(self.dev, settings.dev_utterances)
        found = score(scored, self.vocabulary, dev, None if self._superb else self._teacher_on(len(dev.texts)))
        seconds = {"setup": ready - started, "finetune": trained - ready, "score": time.perf_counter() - headed}
        return Measurement(found, tensors, steps, seconds | ({"head": headed - trained} if head else {}), head)

    def _headed(
        self, speech: CtcModel, accumulation: int, on_step: Callable[[int, float], None] | None
    ) -> tuple[HeadedModel, dict[str, Tensor]]:
        """The model that would be packed under a head trained on it, and the head's tensors as they are saved."""
        assert self._superb is not None
        torch.manual_seed(self._superb.seed)
        model = HeadedModel(speech, len(self.vocabulary), self._superb)
        train_head(model, self.vocabulary, self._train, self._superb, accumulation, on_step)
        saved = {k: v.half() for k, v in model.head.state_dict().items()}
        model.head.load_state_dict(saved)  # what is scored is what is saved
        return model, saved

    def measure_recipe(
        self,
        assignment: Assignment,
        recipe: str,
        corpora: Sequence[Corpus],
        accumulation: int = 1,
        on_step: Callable[[int, float], None] | None = None,
    ) -> list[Errors]:
        """Train an assignment by a recipe from the float model, and score the fake-quantized model on each corpus.

        The evaluator's settings must be ``recipe_settings`` of that recipe: they say what the float model is asked for.

        Raises:
            DivergedError: if the loss is not finite.
        """
        settings, layers = self._settings, self._layers
        torch.manual_seed(settings.seed)
        student = start_recipe(self._float, layers, recipe, self._taught.first_batch())
        taught = self._taught.steps(settings.steps, accumulation)
        train_recipe(student, taught, layers, assignment, settings, accumulation, on_step)
        return [recognition_errors(student, self.vocabulary, corpus) for corpus in corpora]

    @torch.no_grad()  # not inference mode: the teacher's outputs are kept for finetunes
    def divergence(self, assignment: Assignment) -> float:
        """KL divergence a frame of the supernet at an assignment, without a step, from the float model.

        On one batch of the training corpus: as good a sensitivity as the Hessian (arXiv 2112.11438), at the cost of a
        forward pass. Under SUPERB's protocol, where the CTC outputs are not trained, the relative squared error of the
        block outputs.
        """
        batch, target = self._taught.steps(1)(0)
        self._student.load_state_dict(self._start)
        set_precisions(self._student.eval(), self._layers, assignment)
        if self._superb is not None:
            teach = teacher_of(self._float, _BLOCKS_ALONE)
            return float(distillation_loss(self._student, batch, teach(batch), _BLOCKS_ALONE))
        return float(divergence(self._student, batch, logits(self._student, batch), target.logits))

    def score(
        self,
        tensors: dict[str, Tensor],
        assignment: Assignment,
        corpus: Corpus,
        head: Path | None = None,
        decode: Decode | None = None,
    ) -> Errors:
        """Errors of packed tensors on a corpus, under SUPERB's head where there is one; greedy without ``decode``."""
        refuse_shorter(corpus, self.architecture.frame)
        model: CtcModel | HeadedModel = self._unpacked(tensors, assignment)
        if head is not None:
            model = load_head(model, self.vocabulary, head)
        return recognition_errors(model, self.vocabulary, corpus, decode)

    def _unpacked(self, tensors: dict[str, Tensor], assignment: Assignment) -> CtcModel:
        return packed_model(self.config, assignment, tensors, "the packed checkpoint").to(self.device)
