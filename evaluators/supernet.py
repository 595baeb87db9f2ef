"""The supernet: one set of weights with scales for every precision, from which all candidates start.

Each step trains on one batch a sandwich (Yu and Huang, "Universally slimmable networks", 2019) of two assignments,
gradients added: a low uniform one, and a random one whose layers lean to more or to fewer bits as the step draws it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import HubertForCTC

from evaluators.corpora import Corpus
from evaluators.distill import distillation_loss, join, split_lesson, teacher_of, totals
from evaluators.float_model import augmented_batches
from evaluators.optimise import ResumePoint, optimise, steps_done
from evaluators.quantize import calibrate, insert_quantizers, ladder_assignments, set_precisions
from evaluators.settings import SupernetSettings
from evaluators.text import Vocabulary
from spaces.architecture import Layer
from spaces.assignment import Assignment, fitted
from spaces.precision import Precision
from spaces.space import reaching

SUPERNET_BITS = (1, 2, 4, 8)
_LOW = (1, 1, 2)  # the hardest twice as often


def random_assignment(
    layers: Sequence[Layer], rng: np.random.Generator, least_bits: Mapping[str, int] | None = None
) -> Assignment:
    """Weight and activation bits drawn apart for each layer, from a share of each width that the draw itself varies.

    A group with a floor gets that where the draw is lower.
    """
    weight_odds = rng.dirichlet(np.ones(len(SUPERNET_BITS)))
    activation_odds = rng.dirichlet(np.ones(len(SUPERNET_BITS)))
    weights = rng.choice(SUPERNET_BITS, size=len(layers), p=weight_odds)
    activations = rng.choice(SUPERNET_BITS, size=len(layers), p=activation_odds)
    floors = [(least_bits or {}).get(layer.group, 1) for layer in layers]
    weights, activations = np.maximum(weights, floors), np.maximum(activations, floors)
    return Assignment(
        {x.name: fitted(x, Precision(int(w), int(a))) for x, w, a in zip(layers, weights, activations, strict=True)}
    )


def train_supernet(
    student: HubertForCTC,
    teacher: HubertForCTC,
    vocabulary: Vocabulary,
    corpus: Corpus,
    layers: Sequence[Layer],
    settings: SupernetSettings,
    *,
    least_bits: Mapping[str, int] | None = None,
    resume: Path,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Turn a copy of the float model into a supernet, in place, going on from the resume point where there is one."""
    device = next(student.parameters()).device
    done = steps_done(resume)
    batches = augmented_batches(corpus, vocabulary, settings, device, skip=done)
    insert_quantizers(student, layers, ladder_assignments(layers, SUPERNET_BITS))
    student.to(device)
    if not done:
        calibrate(student, next(batches))
    teach = teacher_of(teacher, settings)
    floors = least_bits or {}
    uniform = [Assignment.uniform(reaching(layers, p, floors), p) for p in (Precision(b, b) for b in _LOW)]

    def losses(step: int) -> Iterator[torch.Tensor]:
        batch = next(batches)
        target = join([teach(part) for part in batch.split(settings.accumulation)])
        rng = np.random.default_rng((settings.seed, step))
        whole = totals(student, batch, target)
        for assignment in (uniform[int(rng.integers(len(uniform)))], random_assignment(layers, rng, floors)):
            set_precisions(student, layers, assignment)
            for part, goal in split_lesson(batch, target, settings.accumulation):
                yield distillation_loss(student, part, goal, settings, whole)

    student.eval()  # no dropout, no masking: the teacher has none either
    optimise(
        student, losses, steps=settings.steps, learning_rate=settings.learning_rate, warmup=settings.warmup,
        weight_decay=settings.weight_decay, resume=ResumePoint(resume, settings.save_every), on_step=on_step,
    )  # fmt: skip
