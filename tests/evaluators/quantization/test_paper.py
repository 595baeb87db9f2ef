"""The quantizers of the paper's recipes."""

import pytest
import torch
from transformers import HubertConfig

from evaluators.costs import paper
from evaluators.costs.paper import recipe_assignment
from evaluators.data.batches import Batch
from evaluators.models.families import build
from evaluators.models.forward import logits
from evaluators.quantization.insert import set_precisions
from evaluators.quantization.layers import QuantLinear
from evaluators.quantization.paper import ElasticActivation, ElasticWeight, SquashedWeight
from evaluators.training.paper_recipes import start_recipe
from spaces import Architecture
from spaces.precision import bit_format
from tests.conftest import TINY

CONFIG = HubertConfig(**{**TINY, "hidden_act": "gelu"})
ARCHITECTURE = Architecture(CONFIG.to_dict(), "tiny")
LAYERS = tuple(x for x in ARCHITECTURE.layers if x.block is not None)
RECIPES = tuple(paper.RECIPES)


def test_elastic_weights_are_signs_about_the_mean_and_integers_above() -> None:
    weight = torch.randn(6, 50) * 0.1 + 0.03
    quantizer = ElasticWeight(weight, [bit_format(b) for b in (1, 2, 4, 8)])
    one = quantizer(weight, bit_format(1))
    scale = (weight - weight.mean()).abs().mean()
    assert torch.allclose(one, torch.where(weight >= weight.mean(), scale, -scale))
    steps = (quantizer(weight, bit_format(2)) / quantizer.log_scale["2"].exp()).unique()
    assert torch.allclose(steps, torch.tensor([-2.0, -1.0, 0.0, 1.0])[-len(steps) :], atol=1e-5)
    assert (
        quantizer(weight, bit_format(8)).add(weight.mean()).sub(weight).abs().max() < 0.01
    )  # the threshold is not added back


def test_elastic_weights_learn_scale_and_threshold() -> None:
    weight = torch.randn(4, 9, requires_grad=True)
    quantizer = ElasticWeight(weight, (bit_format(4),))
    quantizer(weight, bit_format(4)).sin().sum().backward()
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
    quantizer = SquashedWeight(weight, (bit_format(bits),))
    assert torch.equal(weight, before)
    assert quantizer.regularizer(weight).item() == pytest.approx((weight * quantizer.stretch).mean().item() ** 2)
    found, gain = quantizer(weight, bit_format(bits)), quantizer.log_gain[str(bits)].exp()
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
def test_at_eight_bits_every_recipe_is_near_the_float_model_and_at_one_it_is_not(recipe: str, batch: Batch) -> None:
    model = build(CONFIG, seed=1).eval()
    student = start_recipe(model, LAYERS, recipe, batch)
    distances = {}
    with torch.inference_mode():
        for bits in (8, 1):
            set_precisions(student, LAYERS, recipe_assignment(LAYERS, recipe, bits))
            distances[bits] = (logits(student, batch) - logits(model, batch)).square().mean().item()
    assert distances[8] < distances[1] / 3
