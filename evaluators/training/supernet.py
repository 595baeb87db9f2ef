"""The supernet: one set of weights with scales for every precision, from which all candidates start.

Each step trains on one batch a sandwich (Yu and Huang, "Universally slimmable networks", 2019) of two assignments,
gradients added: a low uniform one, and a random one whose layers lean to more or to fewer bits as the step draws it.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from evaluators.data.augment import augmented_batches
from evaluators.data.batches import collate, training_batches
from evaluators.data.corpus import Corpus
from evaluators.data.vocabulary import Vocabulary
from evaluators.models.forward import CtcModel
from evaluators.quantization.insert import calibrate, insert_quantizers, ladder_assignments, set_precisions
from evaluators.settings import SupernetSettings
from evaluators.training.loop import ResumePoint, optimise, steps_done
from evaluators.training.losses import distillation_loss, join, split_outputs, teacher_of, totals
from evaluators.training.ranks import ALONE, Ranks
from spaces.architecture import Layer
from spaces.assignment import Assignment, fitted
from spaces.floors import Floors, raised, reaching
from spaces.precision import Precision, bit_format

FORMATS = tuple(bit_format(bits) for bits in (1, 2, 4, 8))  # that it knows; others are calibrated on it
_LOW = (Precision.of(1, 1), Precision.of(1, 1), Precision.of(2, 2))  # the hardest twice as often


def random_assignment(layers: Sequence[Layer], rng: np.random.Generator, floors: Floors) -> Assignment:
    """Weight and activation bits drawn apart: for the whole model, for each group, or for each layer.

    What starts a search is uniform or chosen by groups, what it ends with is not: a supernet has to know all three. The
    widths of the layers come from a share of each width that the draw itself varies. A group with a floor is raised to
    it, and half of the draws leave the groups with floors in fp16, as the paper does.
    """
    keys = [(), [layer.group for layer in layers], [layer.name for layer in layers]][int(rng.integers(3))]
    drawn: dict[str, Precision] = {}
    weight_odds, activation_odds = (rng.dirichlet(np.ones(len(FORMATS))) for _ in range(2))
    in_fp16 = rng.random() < 0.5
    precisions: dict[str, Precision] = {}
    for i, layer in enumerate(layers):
        key = keys[i] if keys else ""
        if key not in drawn:
            weight, activation = rng.choice(len(FORMATS), p=weight_odds), rng.choice(len(FORMATS), p=activation_odds)
            drawn[key] = Precision(FORMATS[weight], FORMATS[activation])
        if layer.group not in floors:
            precisions[layer.name] = fitted(layer, drawn[key])
        elif not in_fp16:
            precisions[layer.name] = fitted(layer, raised(drawn[key], floors[layer.group]))
    return Assignment(precisions)


def train_supernet(
    student: CtcModel,
    teacher: CtcModel,
    vocabulary: Vocabulary,
    corpus: Corpus,
    layers: Sequence[Layer],
    settings: SupernetSettings,
    *,
    floors: Floors,
    resume: Path,
    ranks: Ranks = ALONE,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Turn a copy of the float model into a supernet, in place, going on from the resume point where there is one.

    Of ``ranks`` each process calls this on its own device and with the same weights.
    """
    device = next(student.parameters()).device
    done = steps_done(resume)
    batches = augmented_batches(
        corpus, vocabulary, device, seconds=settings.batch_seconds, most=settings.speed_perturb, seed=settings.seed,
        skip=done, part=(ranks.rank, ranks.size),
    )  # fmt: skip
    insert_quantizers(student, layers, ladder_assignments(layers, FORMATS))
    student.to(device)
    if not done:  # on a whole batch, the same in every process
        first = next(training_batches(corpus, settings.batch_seconds, settings.seed))
        calibrate(student, collate(corpus, vocabulary, first).to(device))
    teach = teacher_of(teacher, settings)
    uniform = [Assignment.uniform(reaching(layers, p, floors), p) for p in _LOW]

    def losses(step: int) -> Iterator[torch.Tensor]:
        batch = next(batches)
        target = join([teach(part) for part in batch.split(settings.accumulation)])
        rng = np.random.default_rng((settings.seed, step))
        whole = totals(student, batch, target).over(ranks)
        for assignment in (uniform[int(rng.integers(len(uniform)))], random_assignment(layers, rng, floors)):
            set_precisions(student, layers, assignment)
            for part, goal in split_outputs(batch, target, settings.accumulation):
                yield distillation_loss(student, part, goal, settings, whole)

    student.eval()  # no dropout, no masking: the teacher has none either
    optimise(
        student, losses, steps=settings.steps, learning_rate=settings.learning_rate, warmup=settings.warmup,
        weight_decay=settings.weight_decay, resume=ResumePoint(resume, settings.save_every), ranks=ranks,
        on_step=on_step,
    )  # fmt: skip
