"""The paper's recipes: their forms, their loss, and the layers that its Table 1 quantized."""

import copy
from pathlib import Path
from typing import get_args

import pytest
import torch
from evaluators.objectives.paper import recipe_assignment
from transformers import HubertConfig

from evaluators import paper
from evaluators.data.batches import Batch, collate, scoring_batches
from evaluators.data.load import CorpusSettings
from evaluators.data.manifest import read_manifest
from evaluators.data.vocabulary import POCKET_TOKENS, Vocabulary
from evaluators.evaluator import Evaluator
from evaluators.models.families import build
from evaluators.models.forward import logits
from evaluators.quantization.insert import set_precisions
from evaluators.quantization.layers import QuantLinear
from evaluators.quantization.paper import ElasticActivation, ElasticWeight, SquashedWeight
from evaluators.settings import FinetuneSettings, RecipeName
from evaluators.training.losses import outputs, split_lesson, valid_frames
from evaluators.training.paper_recipes import papers_loss, recipe_settings, start_recipe, train_recipe
from spaces import Architecture, named_architecture
from tests.conftest import TINY, write_speech, write_study

CONFIG = HubertConfig(**{**TINY, "hidden_act": "gelu"})
ARCHITECTURE = Architecture(CONFIG.to_dict(), "tiny")
LAYERS = tuple(x for x in ARCHITECTURE.layers if x.block is not None)
SETTINGS = FinetuneSettings(steps=30, learning_rate=5e-4, block_weight=1.0)
RECIPES: tuple[RecipeName, ...] = get_args(RecipeName)
PAPER = {"sqwq": "SqWQ", "bit-l": "BiT-L", "bit-la": "BiT-LA"}


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    corpus = read_manifest(write_speech(tmp_path))
    return collate(corpus, Vocabulary(POCKET_TOKENS), scoring_batches(corpus, 100)[0])


@pytest.mark.parametrize("bits", [8, 4, 2, 1])
@pytest.mark.parametrize("recipe", PAPER)
def test_a_recipes_layers_have_the_storage_of_the_papers_row(recipe: RecipeName, bits: int) -> None:
    architecture = named_architecture("hubert-base-fastconv")
    assignment = recipe_assignment(architecture.layers, recipe, bits)
    name = f"w{bits}a{8 if recipe == 'sqwq' else bits}"
    row = next(r for r in paper.TABLE1 if (r.model, r.precision) == (PAPER[recipe], name))
    assert paper.storage_bytes(architecture, assignment, row.model) / 1e6 == pytest.approx(row.storage_mb, abs=0.006)
    assert paper.runtime(architecture, assignment, row.model) == pytest.approx(row.runtime, abs=0.006)


def test_elastic_weights_are_signs_about_the_mean_and_integers_above() -> None:
    weight = torch.randn(6, 50) * 0.1 + 0.03
    quantizer = ElasticWeight(weight, (1, 2, 4, 8))
    one = quantizer(weight, 1)
    scale = (weight - weight.mean()).abs().mean()
    assert torch.allclose(one, torch.where(weight >= weight.mean(), scale, -scale))
    steps = (quantizer(weight, 2) / quantizer.log_scale["2"].exp()).unique()
    assert torch.allclose(steps, torch.tensor([-2.0, -1.0, 0.0, 1.0])[-len(steps) :], atol=1e-5)
    assert quantizer(weight, 8).add(weight.mean()).sub(weight).abs().max() < 0.01  # the threshold is not added back


def test_elastic_weights_learn_scale_and_threshold() -> None:
    weight = torch.randn(4, 9, requires_grad=True)
    quantizer = ElasticWeight(weight, (4,))
    quantizer(weight, 4).sin().sum().backward()
    threshold, scale = quantizer.threshold["4"].grad, quantizer.log_scale["4"].grad
    assert threshold is not None
    assert scale is not None
    assert weight.grad is not None
    assert threshold.item() == pytest.approx(-weight.grad.sum().item(), rel=1e-5)
    assert scale.item() != 0


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_squashed_weights_start_close_to_the_float_ones_and_stay_below_their_gain(bits: int) -> None:
    torch.manual_seed(0)
    before = torch.randn(8, 64) * 0.05
    weight = before.clone()
    quantizer = SquashedWeight(weight, (bits,))
    assert torch.equal(weight, before)
    assert quantizer.regularizer(weight).item() == pytest.approx((weight * quantizer.stretch).mean().item() ** 2)
    found, gain = quantizer(weight, bits), quantizer.log_gain[str(bits)].exp()
    assert (found.abs() <= gain[:, None] + 1e-6).all()
    assert len((found[0] / gain[0]).mul(1e4).round().unique()) <= 2**bits
    error = (found - before).square().mean().sqrt() / before.std()
    assert error < {1: 0.7, 2: 0.6, 4: 0.35, 8: 0.3}[bits]  # what is left at 8 bits is the squashing itself


def test_every_recipe_gets_its_own_quantizers(batch: Batch) -> None:
    model = build(CONFIG, seed=1).eval()
    kinds = {}
    for recipe in RECIPES:
        student = start_recipe(model, LAYERS, recipe, batch)
        attention = student.get_submodule("hubert.encoder.layers.0.attention")
        linear, products = attention.get_submodule("q_proj"), attention.get_submodule("products")
        assert isinstance(linear, QuantLinear)
        kinds[recipe] = [type(linear.weight_quantizer).__name__, type(linear.input_quantizer).__name__,
                         type(products.query_quantizer).__name__]  # fmt: skip
    elastic = ["ElasticWeight", "ElasticActivation", "ElasticActivation"]
    assert kinds["bit-la"] == kinds["bit-l"] == elastic
    assert kinds["sqwq"][:2] == ["SquashedWeight", "ActivationQuantizer"]
    assert kinds["hubits"] == ["WeightQuantizer", "ActivationQuantizer", "ActivationQuantizer"]


def test_query_key_and_value_have_as_many_thresholds_as_the_paper_counts(batch: Batch) -> None:
    student = start_recipe(build(CONFIG, seed=1).eval(), LAYERS, "bit-la", batch)
    elastic = {n: m for n, m in student.named_modules() if isinstance(m, ElasticActivation)}
    counted = [m.shift["1"].numel() for n, m in elastic.items() if m.shift["1"].numel() > 1]
    assert sum(counted) == CONFIG.num_hidden_layers * 3 * CONFIG.hidden_size


@pytest.mark.parametrize("recipe", RECIPES)
def test_at_eight_bits_every_recipe_is_near_the_float_model_and_at_one_it_is_not(
    recipe: RecipeName, batch: Batch
) -> None:
    model = build(CONFIG, seed=1).eval()
    student = start_recipe(model, LAYERS, recipe, batch)
    distances = {}
    with torch.inference_mode():
        for bits in (8, 1):
            set_precisions(student, LAYERS, recipe_assignment(LAYERS, recipe, bits))
            distances[bits] = (logits(student, batch) - logits(model, batch)).square().mean().item()
    assert distances[8] < distances[1] / 3


def test_the_papers_distillation_is_nothing_for_the_float_model_itself(batch: Batch) -> None:
    model = build(CONFIG, seed=1).eval()
    settings = recipe_settings(SETTINGS)
    with torch.no_grad():
        target = outputs(model, batch, settings)
        assert papers_loss(copy.deepcopy(model), batch, target, settings).item() == pytest.approx(0, abs=1e-9)
        other = build(CONFIG, seed=2).eval()
        own = outputs(other, batch, settings)
        assert len(own.attentions) == len(own.blocks) == CONFIG.num_hidden_layers
        assert papers_loss(other, batch, target, settings).item() > 0


@pytest.mark.parametrize("recipe", RECIPES)
def test_training_lowers_the_loss_and_leaves_the_float_model_alone(recipe: RecipeName, batch: Batch) -> None:
    model = build(CONFIG, seed=1).eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    settings, losses = recipe_settings(SETTINGS), []
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
    settings = recipe_settings(SETTINGS)
    student = start_recipe(model, LAYERS, "sqwq", batch)
    set_precisions(student, LAYERS, recipe_assignment(LAYERS, "sqwq", 8))
    with torch.no_grad():
        target = outputs(model, batch, settings)
        at_target = papers_loss(student, batch, target, settings)
        student.get_submodule("hubert.encoder.layers.0.attention.q_proj.weight_quantizer").stretch.mul_(3)
        away = papers_loss(student, batch, target, settings)
        halves = split_lesson(batch, target, 2)
        whole = valid_frames(student, batch, target)
        added = sum(papers_loss(student, part, goal, settings, whole) for part, goal in halves)
    assert away.item() > at_target.item() + 0.009  # 0.01 (1.5 - 0.5)^2
    assert float(added) == pytest.approx(away.item(), rel=0.02)  # bf16 rounds each part for itself


def test_an_evaluator_measures_a_recipe(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    corpus = CorpusSettings(kind="manifest", path=tmp_path / "speech.jsonl")
    architecture = Architecture({**TINY}, "tiny")
    layers = tuple(x for x in architecture.layers if x.block is not None)
    settings = recipe_settings(FinetuneSettings(steps=2, batch_seconds=2.0))
    evaluator = Evaluator(study.parent / "model", None, layers, corpus, corpus, settings)
    errors = evaluator.measure_recipe(recipe_assignment(layers, "bit-l", 1), "bit-l")
    assert len(errors.errors) == 6
    again = evaluator.measure_recipe(recipe_assignment(layers, "bit-l", 1), "bit-l")
    assert errors == again
    halved = evaluator.measure_recipe(recipe_assignment(layers, "bit-l", 1), "bit-l", 2)
    assert abs(sum(halved.errors) - sum(errors.errors)) <= 2
