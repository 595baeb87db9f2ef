"""Quantized models, finetunes, the supernet: on a tiny HuBERT, for real."""

import copy
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluators.objectives.storage import storage_bytes
from torch.nn import functional
from transformers import HubertConfig, HubertForCTC

from evaluators.data.batches import Batch, collate, scoring_batches
from evaluators.data.load import CorpusSettings
from evaluators.data.manifest import read_manifest
from evaluators.data.vocabulary import POCKET_TOKENS, Vocabulary
from evaluators.errors import DivergedError
from evaluators.evaluator import Evaluator, with_quantizers
from evaluators.models.families import build
from evaluators.models.folder import load_config, load_model, save_model
from evaluators.models.forward import frames, logits
from evaluators.models.tensors import load_weights, save_half
from evaluators.quantization.insert import calibrate, insert_quantizers, ladder_assignments, set_precisions
from evaluators.quantization.quantizers import best_scale
from evaluators.scoring import transcribe
from evaluators.settings import FinetuneSettings, FloatSettings, SupernetSettings
from evaluators.training.finetune import finetune_steps
from evaluators.training.float_model import train_float
from evaluators.training.loop import cosine, optimise
from evaluators.training.losses import ctc_loss, distillation_loss, join, outputs, split_lesson, teacher_of, totals
from evaluators.training.supernet import SUPERNET_BITS, random_assignment, train_supernet
from spaces import Architecture, Assignment, Precision, SearchSpace, UserError
from spaces.architecture import GROUPS
from tests.conftest import TINY, write_speech, write_study

CONFIG = HubertConfig(**TINY)
ARCHITECTURE = Architecture(CONFIG.to_dict(), "tiny")
SPACE = SearchSpace(ARCHITECTURE, weight_bits=[1, 2, 4, 8, 16], activation_bits=[1, 2, 4, 8, 16])
VOCABULARY = Vocabulary(POCKET_TOKENS)


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    corpus = read_manifest(write_speech(tmp_path))
    return collate(corpus, VOCABULARY, scoring_batches(corpus, 100)[0])


def _student(batch: Batch) -> torch.nn.Module:
    model = build(CONFIG, seed=1)
    insert_quantizers(model, SPACE.layers, ladder_assignments(SPACE.layers, SUPERNET_BITS))
    calibrate(model, batch)
    return model


def test_quantizers_that_are_off_change_nothing(batch: Batch) -> None:
    plain, quantized = build(CONFIG, seed=1).eval(), _student(batch).eval()
    with torch.inference_mode():
        assert torch.equal(logits(plain, batch), logits(quantized, batch))


@pytest.mark.parametrize("precision", ["w1a16", "w16a1", "w1a1", "w2a2", "w4a4", "w8a8"])
def test_quantizers_that_are_on_change_the_outputs(batch: Batch, precision: str) -> None:
    model = _student(batch).eval()
    with torch.inference_mode():
        before = logits(model, batch)
        set_precisions(model, SPACE.layers, SPACE.uniform(Precision.parse(precision)))
        assert not torch.equal(logits(model, batch), before)


def test_more_bits_are_nearer_to_the_float_model(batch: Batch) -> None:
    model = _student(batch).eval()
    with torch.inference_mode():
        exact = logits(model, batch)
        errors = []
        for bits in (2, 4, 8):
            set_precisions(model, SPACE.layers, SPACE.uniform(Precision.of(bits, bits)))
            errors.append(float((logits(model, batch) - exact).square().mean()))
    assert errors == sorted(errors, reverse=True)


def test_each_product_is_quantized_on_its_own(batch: Batch) -> None:
    model = _student(batch).eval()
    results = []
    with torch.inference_mode():
        for layer in ("block0.products.scores", "block0.products.context", "block1.products.context"):
            set_precisions(model, SPACE.layers, Assignment({layer: Precision.of(1, 1)}))
            results.append(logits(model, batch))
    assert not torch.equal(results[0], results[1])
    assert not torch.equal(results[1], results[2])


def test_padding_does_not_change_what_is_heard(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    model = _student(collate(corpus, VOCABULARY, (0, 1))).eval()
    set_precisions(model, SPACE.layers, SPACE.uniform(Precision.of(2, 2)))
    alone, padded = (collate(corpus, VOCABULARY, i) for i in ((0,), (0, 5)))
    with torch.inference_mode():
        length = int(frames(model, alone)[0])
        a, b = logits(model, alone)[0, :length], logits(model, padded)[0, :length]
    assert (a - b).abs().max() < 0.05 * a.abs().max()


def test_padding_is_not_heard_through_hubert_bases_group_norm_either(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    config = HubertConfig(**{**TINY, "feat_extract_norm": "group", "do_stable_layer_norm": False})
    model = build(config, 1).eval()
    padded = collate(corpus, VOCABULARY, (0, 5))
    theirs = HubertForCTC(config).eval()
    theirs.load_state_dict(model.state_dict())
    with torch.inference_mode():  # in float32
        together, lengths = model(padded.audio, attention_mask=padded.mask).logits, frames(model, padded).tolist()
        for row, index in enumerate((0, 5)):
            alone = collate(corpus, VOCABULARY, (index,))
            own = theirs(alone.audio).logits  # transformers' own
            assert torch.allclose(model(alone.audio, attention_mask=alone.mask).logits, own, atol=1e-5)
            assert torch.allclose(together[row, : lengths[row]], own[0], atol=1e-5)
        unmasked = theirs(padded.audio).logits
        copied = copy.deepcopy(model)  # a recipe's student
        assert torch.equal(copied(padded.audio, attention_mask=padded.mask).logits, together)
    short = int(np.argmin(lengths))
    assert not torch.allclose(together[short, : lengths[short]], unmasked[short, : lengths[short]], atol=1e-3)


def test_gradients_reach_every_scale_that_is_used_and_no_other(batch: Batch) -> None:
    model = _student(batch)
    set_precisions(model, SPACE.layers, SPACE.uniform(Precision.of(2, 4)))
    logits(model, batch).square().mean().backward()
    for name, parameter in model.named_parameters():
        if "quantizer" in name and not (".layers.1." in name and "query" in name):
            used = name.endswith(".2") if "weight_quantizer" in name else name.endswith("log_scale.4")
            assert (parameter.grad is not None) == used, name


def test_ctc_loss_is_torchs_own(batch: Batch) -> None:
    model = build(CONFIG, seed=1).eval()
    scores = logits(model, batch)
    expected = 0.0
    start = 0
    for row, (length, count) in enumerate(zip(batch.lengths.tolist(), frames(model, batch).tolist(), strict=True)):
        target = batch.targets[start : start + length]
        start += length
        expected += functional.ctc_loss(
            scores[row, :count].log_softmax(-1), target, torch.tensor(count), torch.tensor(length), reduction="sum",
            zero_infinity=True,
        ).item()  # fmt: skip
    assert ctc_loss(model, scores, batch).item() == pytest.approx(expected / len(batch.targets), rel=1e-4)


def test_a_student_that_is_its_teacher_loses_nothing_to_distillation(batch: Batch) -> None:
    weights = FinetuneSettings(ctc_weight=0, logit_weight=1, block_weight=1, attention_weight=1)
    model = build(CONFIG, seed=1).eval()
    target = teacher_of(model, weights)(batch)
    assert distillation_loss(model, batch, target, weights).item() == pytest.approx(0, abs=1e-5)
    other = build(CONFIG, seed=2).eval()
    assert distillation_loss(other, batch, target, weights).item() > 0.05


@pytest.mark.parametrize("parts", [2, 3, 9])
def test_a_batch_in_parts_gives_the_gradients_of_the_whole(
    batch: Batch, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluators.distill.mixed_precision", lambda _: nullcontext())  # rounding aside
    weights = FinetuneSettings(ctc_weight=0.5, logit_weight=1, block_weight=1, attention_weight=1)
    target = teacher_of(build(CONFIG, seed=1).eval(), weights)(batch)
    student = build(CONFIG, seed=2).eval()
    distillation_loss(student, batch, target, weights).backward()  # type: ignore[no-untyped-call]
    whole = {n: p.grad.clone() for n, p in student.named_parameters() if p.grad is not None}
    student.zero_grad()
    divisors = totals(student, batch, target)
    pieces = split_lesson(batch, target, parts)
    assert len(pieces) == min(parts, len(batch.indices))
    assert torch.equal(join([goal for _, goal in pieces]).logits, target.logits)
    for part, goal in pieces:
        distillation_loss(student, part, goal, weights, divisors).backward()  # type: ignore[no-untyped-call]
    scale = max(float(g.abs().max()) for g in whole.values())
    for name, parameter in student.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(parameter.grad, whole[name], rtol=1e-3, atol=1e-5 * scale)


def test_outputs_hold_what_the_loss_compares(batch: Batch) -> None:
    got = outputs(build(CONFIG, 1), batch, FinetuneSettings(block_weight=1, attention_weight=1))
    assert len(got.blocks) == len(got.attentions) == CONFIG.num_hidden_layers
    assert got.attentions[0].shape[1] == CONFIG.num_attention_heads


def test_cosine_schedule() -> None:
    assert cosine(0, 100, 0.1) == pytest.approx(1 / 11)
    assert cosine(10, 100, 0.1) == 1
    assert cosine(55, 100, 0.1) == pytest.approx(0.5)
    assert cosine(100, 100, 0.1) == pytest.approx(0, abs=1e-12)


def test_a_loss_that_is_no_number_stops_the_finetune() -> None:
    module = torch.nn.Linear(2, 1)
    with pytest.raises(DivergedError, match="at step 1"):
        optimise(
            module, lambda _: [module(torch.full((1, 2), torch.nan)).sum()], steps=3, learning_rate=0.1, warmup=0.0
        )


def test_float_training_lowers_the_loss_and_goes_on_from_its_resume_point(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    settings = FloatSettings(steps=30, learning_rate=5e-3, batch_seconds=4, save_every=10)
    losses: dict[int, float] = {}
    train_float(build(CONFIG, 0), VOCABULARY, corpus, settings, resume=tmp_path / "a", on_step=losses.__setitem__)
    assert np.mean([losses[i] for i in range(26, 31)]) < 0.7 * np.mean([losses[i] for i in range(1, 6)])
    again: dict[int, float] = {}

    def stop(step: int, loss: float) -> None:
        again[step] = loss
        if step == 12:
            raise KeyboardInterrupt

    resume = tmp_path / "b"
    with pytest.raises(KeyboardInterrupt):
        train_float(build(CONFIG, 0), VOCABULARY, corpus, settings, resume=resume, on_step=stop)
    train_float(build(CONFIG, 0), VOCABULARY, corpus, settings, resume=resume, on_step=again.__setitem__)
    assert set(again) == set(losses)


def test_random_assignments_of_the_supernet_differ_in_their_mean(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    means = [random_assignment(SPACE.layers, rng).mean_bits(ARCHITECTURE) for _ in range(50)]
    assert min(means) < 2.5
    assert max(means) > 5


def test_a_supernet_trains_and_candidates_start_from_it(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    teacher, student = build(CONFIG, 1), build(CONFIG, 1)
    settings = SupernetSettings(steps=4, learning_rate=1e-3, batch_seconds=3)
    train_supernet(student, teacher, VOCABULARY, corpus, SPACE.layers, settings, resume=tmp_path / "resume")
    save_model(build(CONFIG, 1), VOCABULARY, tmp_path / "model")
    save_half(student.state_dict(), tmp_path / "supernet.safetensors", {})
    source = CorpusSettings(kind="manifest", path=tmp_path / "speech.jsonl")
    evaluator = Evaluator(
        tmp_path / "model", tmp_path / "supernet.safetensors", SPACE.layers, source, source, FinetuneSettings(steps=0)
    )
    measured = evaluator.measure(SPACE.uniform(Precision.of(1, 1)))
    weight = student.hubert.encoder.layers[0].feed_forward.output_dense.weight_quantizer.scale(1)
    packed = measured.tensors["hubert.encoder.layers.0.feed_forward.output_dense.weight.scale"]
    assert torch.allclose(packed.float(), weight.half().float(), rtol=1e-2)


def test_layers_that_the_supernet_does_not_know_are_calibrated_on_it(tmp_path: Path) -> None:
    write_study(tmp_path)
    student = build(CONFIG, 1)
    insert_quantizers(student, SPACE.layers, ladder_assignments(SPACE.layers, SUPERNET_BITS))
    with torch.no_grad():
        for name, parameter in student.named_parameters():
            if "log_scale" in name:
                parameter.fill_(-1.5)
            elif name == "hubert.feature_projection.projection.weight":
                parameter.mul_(2)
    save_half(student.state_dict(), tmp_path / "supernet.safetensors", {})
    space = SearchSpace(ARCHITECTURE, groups=GROUPS, weight_bits=[4, 8, 16], activation_bits=[4, 8, 16])
    assert with_quantizers(space.layers, tmp_path / "supernet.safetensors") == SPACE.layers
    source = CorpusSettings(kind="manifest", path=tmp_path / "speech.jsonl")
    evaluator = Evaluator(
        tmp_path / "model", tmp_path / "supernet.safetensors", space.layers, source, source, FinetuneSettings(steps=0)
    )
    tensors = evaluator.measure(space.uniform(Precision.of(4, 4))).tensors
    known = tensors["hubert.encoder.layers.0.feed_forward.output_dense.weight.scale"]
    assert torch.allclose(known.float().log(), torch.tensor(-1.5), atol=1e-3)
    own = build(CONFIG, 1).hubert.feature_projection.projection.weight.detach() * 2
    calibrated = tensors["hubert.feature_projection.projection.weight.scale"]
    assert torch.allclose(calibrated.float(), best_scale(own.half(), 4, "signed")[:, 0], rtol=2e-3)
    assert tensors["hubert.feature_projection.projection.input.scale"].item() != 1.0


def _evaluator(folder: Path, **settings: float) -> Evaluator:
    write_study(folder)
    source = CorpusSettings(kind="manifest", path=folder / "speech.jsonl")
    return Evaluator(folder / "model", None, SPACE.layers, source, source, FinetuneSettings(**settings))  # type: ignore[arg-type]


def test_an_evaluation_repeats_itself_whatever_came_before(tmp_path: Path) -> None:
    evaluator = _evaluator(tmp_path, steps=2, batch_seconds=2)
    low, high = SPACE.uniform(Precision.of(1, 1)), SPACE.uniform(Precision.of(4, 4))
    first = evaluator.measure(low)
    evaluator.measure(high)
    again = evaluator.measure(low)
    assert again.errors == first.errors
    assert all(torch.equal(first.tensors[k], again.tensors[k]) for k in first.tensors)


def test_a_model_built_like_hubert_base_is_quantized_front_end_and_all(tmp_path: Path) -> None:
    base = {
        **TINY, "feat_extract_norm": "group", "do_stable_layer_norm": False, "hidden_act": "gelu", "conv_bias": False,
        "feat_extract_activation": "gelu", "mask_time_prob": 0.05, "hidden_dropout": 0.1, "layerdrop": 0.1,
    }  # fmt: skip
    config = HubertConfig(**base)
    write_speech(tmp_path)
    save_model(build(config, 1), VOCABULARY, tmp_path / "model")
    architecture = Architecture(config.to_dict())
    space = SearchSpace(architecture, groups=GROUPS, weight_bits=[2, 4, 8, 16], activation_bits=[2, 4, 8, 16])
    source = CorpusSettings(kind="manifest", path=tmp_path / "speech.jsonl")
    settings = FinetuneSettings(steps=2, block_weight=1, attention_weight=1)
    evaluator = Evaluator(tmp_path / "model", None, space.layers, source, source, settings)
    for precision in ("w2a2", "w4a8", "w16a8"):
        assignment = space.uniform(Precision.parse(precision))
        measured = evaluator.measure(assignment)
        size = sum(t.nbytes for t in measured.tensors.values())
        assert 0 < storage_bytes(architecture, assignment) - size < 12_000  # the header
        assert measured.errors == evaluator.measure(assignment).errors


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_hubert_base_says_on_a_gpu_what_it_says_on_a_cpu(batch: Batch) -> None:
    model = build(HubertConfig(vocab_size=len(VOCABULARY)), 1).eval()
    with torch.inference_mode():
        here = model(batch.audio, attention_mask=batch.mask).logits
        there = batch.to(torch.device("cuda"))
        assert torch.allclose(model.cuda()(there.audio, attention_mask=there.mask).logits.cpu(), here, atol=2e-2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_an_evaluation_runs_on_a_gpu(tmp_path: Path) -> None:
    evaluator = _evaluator(tmp_path, steps=2, batch_seconds=2, block_weight=1, attention_weight=1)
    measured = evaluator.measure(SPACE.uniform(Precision.of(2, 2)))
    assert evaluator.device.type == "cuda"
    assert all(t.device.type == "cpu" for t in measured.tensors.values())
    assert evaluator.divergence(SPACE.uniform(Precision.of(1, 1))) > 0


def test_nothing_quantized_is_the_float_model_as_it_is(tmp_path: Path) -> None:
    evaluator = _evaluator(tmp_path, steps=2, batch_seconds=2)
    measured = evaluator.measure(Assignment({}))
    assert measured.steps == 0
    model, vocabulary = load_model(tmp_path / "model")
    corpus = read_manifest(tmp_path / "speech.jsonl")
    assert len(transcribe(model, vocabulary, corpus)) == len(corpus.texts)
    assert torch.equal(measured.tensors["lm_head.weight"], model.lm_head.weight.half())


def test_a_finetune_lowers_the_distillation_loss(tmp_path: Path) -> None:
    evaluator = _evaluator(tmp_path, steps=30, batch_seconds=4, learning_rate=5e-3, ctc_weight=0)
    losses: list[float] = []
    evaluator.measure(SPACE.uniform(Precision.of(1, 1)), on_step=lambda _, loss: losses.append(loss))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_fewer_bits_may_get_more_steps() -> None:
    settings = FinetuneSettings(steps=10, low_bit_steps=20)
    steps = [finetune_steps(settings, ARCHITECTURE, SPACE.uniform(Precision.of(b, 8))) for b in (1, 2, 8)]
    assert steps == [30, 10, 10]


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    write_study(tmp_path)
    other = build(HubertConfig(**{**TINY, "hidden_size": 32}), 0)
    with pytest.raises(UserError, match=r"projection.weight has shape \(16, 8\), the model needs \(32, 8\)"):
        load_weights(other, tmp_path / "model" / "model.safetensors")


def test_an_activation_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"hidden_act": "nope"}')
    with pytest.raises(UserError, match="hidden_act: 'nope' is no activation"):
        load_config(tmp_path)


def test_a_config_that_is_no_huberts(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UserError, match="is not the config of a HuBERT"):
        load_config(tmp_path)
