"""The evaluator: an assignment in, measured scores and a packed checkpoint out."""

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from transformers import HubertForCTC

from evaluators.batches import Batch, collate, loaded, training_batches
from evaluators.corpora import Corpus, PocketCorpus, read_librispeech, read_manifest
from evaluators.distill import Outputs, distillation_loss, join, teacher_of
from evaluators.finetune import finetune, finetune_steps
from evaluators.hubert import load_config, load_model, load_weights, tensor_names
from evaluators.packed import pack, unpack
from evaluators.quantize import calibrate, insert_quantizers, ladder_assignments, set_precisions
from evaluators.recipes import start_recipe, train_recipe
from evaluators.scoring import frames, logits, word_errors
from evaluators.settings import CorpusSettings, FinetuneSettings, RecipeName, SuperbSettings
from evaluators.superb import HeadedModel, load_head, train_head
from evaluators.supernet import SUPERNET_BITS
from evaluators.wer import WordErrors
from spaces.architecture import Architecture, Layer
from spaces.assignment import Assignment
from spaces.errors import UserError

_BLOCKS_ALONE = FinetuneSettings(ctc_weight=0.0, logit_weight=0.0, block_weight=1.0)
_LESSONS_BYTES = 2**30  # how much of what the float model said is kept between candidates


@dataclass(frozen=True)
class Measurement:
    """What one candidate's finetune came to.

    Attributes:
        errors: word errors on the development corpus, scored from the packed tensors.
        tensors: the packed checkpoint.
        head: the weights of SUPERB's head where one was trained on it.
        steps: optimizer steps of the finetune.
        seconds: wall-clock seconds by stage: setup, finetune, score, and head where one was trained.
    """

    errors: WordErrors
    tensors: dict[str, Tensor]
    steps: int
    seconds: dict[str, float]
    head: dict[str, Tensor] | None = None


class Evaluator:
    """Measures candidates of one study; keeps models, corpora and lessons between them.

    Args:
        folder: the float model's folder.
        supernet: the supernet's weights, or None to start every candidate from the float model's.
        layers: the layers that may be quantized; those that the supernet was not trained with are calibrated on it.
        train: what finetunes see.
        dev: what candidates are scored on.
        superb: where it is given, candidates are scored by a head that is trained on the frozen speech model.
    """

    def __init__(
        self,
        folder: Path,
        supernet: Path | None,
        layers: tuple[Layer, ...],
        train: CorpusSettings,
        dev: CorpusSettings,
        settings: FinetuneSettings,
        superb: SuperbSettings | None = None,
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._layers, self._settings = layers, settings
        teacher, self.vocabulary = load_model(folder)
        self.config = load_config(folder)
        self.architecture = Architecture(self.config.to_dict(), str(folder))
        self._float = teacher.to(self.device)
        self._teach = teacher_of(teacher, settings)
        self._train, self.dev = load_corpus(train), load_corpus(dev)
        self._lessons: dict[int, tuple[Batch, Outputs]] = {}
        self._folder, self._supernet, self._superb = folder, supernet, superb

    @functools.cached_property
    def _student(self) -> HubertForCTC:
        student, _ = load_model(self._folder)
        untrained = self._layers
        if self._supernet is not None:
            trained = with_quantizers(self._layers, self._supernet)
            insert_quantizers(student, trained, ladder_assignments(trained, SUPERNET_BITS))
            load_weights(student, self._supernet)
            untrained = tuple(layer for layer in self._layers if layer not in trained)
        before = set(student.modules())
        insert_quantizers(student, untrained, ladder_assignments(untrained, SUPERNET_BITS))
        student.to(self.device)
        if untrained:
            calibrate(student, self._first_batch(), [m for m in student.modules() if m not in before])
        return student

    @functools.cached_property
    def _start(self) -> dict[str, Tensor]:
        return {k: v.clone() for k, v in self._student.state_dict().items()}

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
            lesson = self._lessons_of(steps, accumulation)
            finetune(model, lesson, self._layers, assignment, settings, steps, accumulation, on_step)
        tensors = pack(model, self.architecture, assignment)
        trained = time.perf_counter()
        scored, head = self._unpacked(tensors, assignment), None
        if self._superb is not None:
            scored, head = self._headed(scored, accumulation, on_step)
        headed = time.perf_counter()
        errors = word_errors(scored, self.vocabulary, self.dev)
        seconds = {"setup": ready - started, "finetune": trained - ready, "score": time.perf_counter() - headed}
        return Measurement(errors, tensors, steps, seconds | ({"head": headed - trained} if head else {}), head)

    def _headed(
        self, speech: HubertForCTC, accumulation: int, on_step: Callable[[int, float], None] | None
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
        recipe: RecipeName,
        accumulation: int = 1,
        on_step: Callable[[int, float], None] | None = None,
    ) -> WordErrors:
        """Train an assignment by a recipe from the float model, and score the fake-quantized model itself.

        The evaluator's settings must be ``recipe_settings`` of that recipe: they say what the float model is asked for.

        Raises:
            DivergedError: if the loss is not finite.
        """
        settings, layers = self._settings, self._layers
        torch.manual_seed(settings.seed)
        student = start_recipe(self._float, layers, recipe, self._first_batch())
        lesson = self._lessons_of(settings.steps, accumulation)
        train_recipe(student, lesson, layers, assignment, settings, accumulation, on_step)
        return word_errors(student, self.vocabulary, self.dev)

    @torch.no_grad()  # not inference mode: the lesson is kept for finetunes
    def divergence(self, assignment: Assignment) -> float:
        """KL divergence a frame of the supernet at an assignment, without a step, from the float model.

        On one batch of the training corpus: as good a sensitivity as the Hessian (arXiv 2112.11438), at the cost of a
        forward pass. Under SUPERB's protocol, where the CTC outputs are not trained, the relative squared error of the
        block outputs.
        """
        batch, target = self._lessons_of(1)(0)
        self._student.load_state_dict(self._start)
        set_precisions(self._student.eval(), self._layers, assignment)
        if self._superb is not None:
            teach = teacher_of(self._float, _BLOCKS_ALONE)
            return float(distillation_loss(self._student, batch, teach(batch), _BLOCKS_ALONE))
        own = logits(self._student, batch).log_softmax(-1)
        lengths = frames(self._student, batch)
        valid = torch.arange(own.shape[1], device=own.device)[None] < lengths[:, None]
        theirs = target.logits[valid].log_softmax(-1)
        return float(functional.kl_div(own[valid], theirs, log_target=True, reduction="batchmean"))

    def score(
        self, tensors: dict[str, Tensor], assignment: Assignment, corpus: Corpus, head: Path | None = None
    ) -> WordErrors:
        """Word errors of packed tensors on a corpus, under SUPERB's head where there is one."""
        model: HubertForCTC | HeadedModel = self._unpacked(tensors, assignment)
        if head is not None:
            model = load_head(model, self.vocabulary, head)
        return word_errors(model, self.vocabulary, corpus)

    def _unpacked(self, tensors: dict[str, Tensor], assignment: Assignment) -> HubertForCTC:
        model = unpack(tensors, self.config, self.architecture, assignment, "the packed checkpoint")
        return model.to(self.device)

    def _lessons_of(self, steps: int, parts: int = 1) -> Callable[[int], tuple[Batch, Outputs]]:
        """The lesson of each step, to be asked for in order.

        The same batch for the same step of every candidate, so that candidates differ by their bits alone.
        """
        stream = training_batches(self._train, self._settings.batch_seconds, self._settings.seed)
        wanted = (indices for step, indices in zip(range(steps), stream) if step not in self._lessons)  # noqa: B905
        batches = loaded(self._train, self.vocabulary, wanted, self.device)

        def lesson(step: int) -> tuple[Batch, Outputs]:
            if step in self._lessons:
                return self._lessons[step]
            batch = next(batches)
            target = join([self._teach(part) for part in batch.split(parts)])
            size = sum(t.nbytes for t in (batch.audio, batch.mask, target.logits, *target.blocks, *target.attentions))
            if size * (len(self._lessons) + 1) <= _LESSONS_BYTES:
                self._lessons[step] = (batch, target)
            return batch, target

        return lesson

    def _first_batch(self) -> Batch:
        stream = training_batches(self._train, self._settings.batch_seconds, self._settings.seed)
        return collate(self._train, self.vocabulary, next(stream)).to(self.device)


def with_quantizers(layers: Sequence[Layer], supernet: Path) -> tuple[Layer, ...]:
    """The layers whose quantizers a supernet was trained with; the others start where they quantize it best."""
    names = tensor_names(supernet)
    products, others = (
        {name.partition(part)[0] for name in names if part in name} for part in (".products.", ".input_quantizer.")
    )
    return tuple(layer for layer in layers if layer.path in (products if layer.kind == "product" else others))


@functools.lru_cache(maxsize=8)
def load_corpus(settings: CorpusSettings) -> Corpus:
    """The corpus that a section of a study file describes."""
    if settings.kind == "pocket":
        return PocketCorpus(settings.split or "train", settings.size or 500, settings.seed)
    if settings.path is None:
        raise UserError(f"corpora: a corpus of kind {settings.kind!r} needs a path")
    if settings.kind == "manifest":
        return read_manifest(settings.path, settings.size, outside=settings.outside)
    if settings.split is None:
        raise UserError("corpora: a corpus of kind 'librispeech' needs a split such as dev-clean")
    return read_librispeech(settings.path, settings.split, settings.size)
