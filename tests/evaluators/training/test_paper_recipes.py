"""The training of the paper's recipes: their loss, their regularizer."""

import copy
from pathlib import Path

import pytest
import torch
from transformers import HubertConfig

from evaluators.costs import paper
from evaluators.costs.paper import recipe_assignment
from evaluators.data.batches import Batch
from evaluators.data.load import CorpusSettings
from evaluators.evaluator import Evaluator
from evaluators.models.families import build
from evaluators.models.forward import valid_frames
from evaluators.quantization.insert import set_precisions
from evaluators.settings import FinetuneSettings
from evaluators.training.losses import outputs, split_outputs
from evaluators.training.paper_recipes import papers_loss, start_recipe, train_recipe
from evaluators.training.supernet import FORMATS
from spaces import Architecture
from tests.conftest import TINY, write_study

CONFIG = HubertConfig(**{**TINY, "hidden_act": "gelu"})
ARCHITECTURE = Architecture(CONFIG.to_dict(), "tiny")
LAYERS = tuple(x for x in ARCHITECTURE.layers if x.block is not None)
RECIPES = tuple(paper.RECIPES)
SETTINGS = FinetuneSettings(steps=30, learning_rate=5e-4, block_weight=1.0)


def test_the_papers_distillation_is_nothing_for_the_float_model_itself(batch: Batch) -> None:
    model = build(CONFIG, seed=1).eval()
    settings = SETTINGS.as_the_paper
    with torch.no_grad():
        target = outputs(model, batch, settings)
        assert papers_loss(copy.deepcopy(model), batch, target, settings).item() == pytest.approx(0, abs=1e-9)
        other = build(CONFIG, seed=2).eval()
        own = outputs(other, batch, settings)
        assert len(own.attentions) == len(own.blocks) == CONFIG.num_hidden_layers
        assert papers_loss(other, batch, target, settings).item() > 0


@pytest.mark.parametrize("recipe", RECIPES)
def test_training_lowers_the_loss_and_leaves_the_float_model_alone(recipe: str, batch: Batch) -> None:
    model = build(CONFIG, seed=1).eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    settings, losses = SETTINGS.as_the_paper, []
    student = start_recipe(model, LAYERS, recipe, batch)
    with torch.no_grad():
        target = outputs(model, batch, settings)
    assignment = recipe_assignment(LAYERS, recipe, 2)
    train_recipe(
        student, lambda _: (batch, target), LAYERS, assignment, settings, on_step=lambda _, loss: losses.append(loss)
    )
    assert len(losses) == settings.steps
    assert min(losses[-5:]) < 0.97 * losses[0]
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_the_regularizer_pulls_a_weight_to_its_standard_deviation(batch: Batch) -> None:
    model = build(CONFIG, seed=1).eval()
    settings = SETTINGS.as_the_paper
    student = start_recipe(model, LAYERS, "sqwq", batch)
    set_precisions(student, LAYERS, recipe_assignment(LAYERS, "sqwq", 8))
    with torch.no_grad():
        target = outputs(model, batch, settings)
        at_target = papers_loss(student, batch, target, settings)
        student.get_submodule("hubert.encoder.layers.0.attention.q_proj.weight_quantizer").stretch.mul_(3)
        away = papers_loss(student, batch, target, settings)
        halves = split_outputs(batch, target, 2)
        whole = valid_frames(student, batch, target.logits.shape[1])
        added = sum(papers_loss(student, part, goal, settings, whole) for part, goal in halves)
    assert away.item() > at_target.item() + 0.009  # 0.01 (1.5 - 0.5)^2
    assert float(added) == pytest.approx(away.item(), rel=0.02)  # bf16 rounds each part for itself


def test_an_evaluator_measures_a_recipe(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    corpus = CorpusSettings(kind="manifest", path=tmp_path / "speech.jsonl")
    architecture = Architecture({**TINY}, "tiny")
    layers = tuple(x for x in architecture.layers if x.block is not None)
    settings = FinetuneSettings(steps=2, batch_seconds=2.0).as_the_paper
    evaluator = Evaluator(study.parent / "model", None, layers, FORMATS, corpus, corpus, settings)
    assignment, told = recipe_assignment(layers, "bit-l", 1), [evaluator.dev, evaluator.dev]
    errors, same = evaluator.measure_recipe(assignment, "bit-l", told)
    assert errors == same
    assert len(errors.words.errors) == 6
    (again,) = evaluator.measure_recipe(assignment, "bit-l", told[:1])
    assert errors == again
    (halved,) = evaluator.measure_recipe(assignment, "bit-l", told[:1], 2)
    assert abs(sum(halved.words.errors) - sum(errors.words.errors)) <= 2
