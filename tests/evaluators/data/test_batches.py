"""Corpora, batches, text and WER."""

import csv
import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluators.data.audio import read_audio
from evaluators.data.augment import augmented_batches
from evaluators.data.batches import collate, loaded, scoring_batches, training_batches
from evaluators.data.corpus import fingerprint
from evaluators.data.grammar import sentence, words
from evaluators.data.librispeech import read_librispeech
from evaluators.data.manifest import read_manifest
from evaluators.data.pocket import PocketCorpus
from evaluators.data.vocabulary import POCKET_TOKENS, Vocabulary
from evaluators.formats.packed import pack
from evaluators.settings import FloatSettings
from evaluators.wer import WordErrors, count_errors, paired_gain
from spaces import UserError
from spaces.architecture import SAMPLE_RATE
from tests.conftest import write_speech

VOCABULARY = Vocabulary(POCKET_TOKENS)


def _tone(path: Path, rate: int, channels: int = 1, hertz: float = 440.0) -> None:
    time = np.arange(rate) / rate
    wave = 0.5 * np.sin(2 * np.pi * hertz * time)
    soundfile.write(path, np.stack([wave] * channels, axis=1), rate)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16_000, 2), (22_050, 1), (44_100, 2)])
def test_any_rate_and_number_of_channels_becomes_16_khz_mono(tmp_path: Path, rate: int, channels: int) -> None:
    _tone(tmp_path / "a.wav", rate, channels)
    wave = read_audio(tmp_path / "a.wav")
    assert wave.shape == (SAMPLE_RATE,)
    assert np.abs(np.fft.rfft(wave)).argmax() == 440


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_manifests(tmp_path: Path, form: str) -> None:
    _tone(tmp_path / "a.wav", 22_050, 2)
    path = tmp_path / f"m.{form}"
    with path.open("w", newline="") as stream:
        if form == "csv":
            csv.writer(stream).writerows([["audio", "text"], ["a.wav", "one tone"], ["a.wav", "again"]])
        else:
            stream.write('{"audio": "a.wav", "text": "one tone"}\n\n{"audio": "a.wav", "text": "again"}\n')
    corpus = read_manifest(path)
    assert corpus.texts == ["one tone", "again"]
    assert corpus.samples == [SAMPLE_RATE] * 2
    assert len(corpus.wave(1)) == SAMPLE_RATE
    assert len(read_manifest(path, limit=1).texts) == 1


def test_librispeech_layout(tmp_path: Path) -> None:
    chapter = tmp_path / "LibriSpeech" / "dev-clean" / "84" / "121"
    chapter.mkdir(parents=True)
    for i in range(3):
        soundfile.write(chapter / f"84-121-{i:04d}.flac", np.zeros(8000) + 0.01 * i, 16_000)
    (chapter / "84-121.trans.txt").write_text("".join(f"84-121-{i:04d} SAY {'A' * (i + 1)}\n" for i in range(3)))
    corpus = read_librispeech(tmp_path, "dev-clean")
    assert sorted(corpus.texts) == ["SAY A", "SAY AA", "SAY AAA"]
    assert corpus.samples == [8000] * 3
    assert corpus.wave(2).shape == (8000,)
    with pytest.raises(UserError, match=r"test-other: no such folder"):
        read_librispeech(tmp_path, "test-other")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"audio": "gone.wav", "text": "a"}', r"m\.jsonl:1: .*gone\.wav: cannot be read as audio \(no such file\)"),
        ('{"audio": "bad.wav", "text": "a"}', r"bad\.wav: cannot be read as audio"),
        ('{"audio": "a.wav", "text": " "}', r"m\.jsonl:1: the transcript is empty"),
        ('{"audio": "../a.wav", "text": "a"}', r"lies outside the manifest's folder"),
        ('{"audio": "a.wav"}', r"m\.jsonl:1: needs the fields 'audio' and 'text'"),
        ("audio: a.wav", r"m\.jsonl:1: not a JSON object"),
        ("", r"m\.jsonl: holds no utterances"),
    ],
)
def test_a_broken_manifest_names_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    _tone(tmp_path / "a.wav", 16_000)
    (tmp_path / "bad.wav").write_bytes(b"RIFF nothing here")
    path = tmp_path / "m.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(UserError, match=message):
        read_manifest(path)


def test_a_trusted_manifest_may_point_elsewhere(tmp_path: Path) -> None:
    _tone(tmp_path / "a.wav", 16_000)
    path = tmp_path / "lists" / "m.jsonl"
    path.parent.mkdir()
    path.write_text('{"audio": "../a.wav", "text": "a"}\n')
    with pytest.raises(UserError, match="outside = true"):
        read_manifest(path)
    assert read_manifest(path, outside=True).paths == [tmp_path / "a.wav"]


@pytest.mark.parametrize(
    ("text", "message"), [("", "empty"), ("room 12", "characters '1' '2' outside"), ("naïve", "character 'ï' outside")]
)
def test_transcripts_that_the_model_cannot_write(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        VOCABULARY.encode(text, "m.jsonl:3")


@given(st.text(alphabet="abcxyz ' ", min_size=1).filter(lambda t: t.strip()))
def test_greedy_decoding_inverts_encoding(text: str) -> None:
    ids = VOCABULARY.encode(text)
    path = [i for j in ids for i in (j, j, VOCABULARY.blank)]  # repeats merge, blanks separate
    assert VOCABULARY.decode(path) == " ".join(text.split())


def test_vocabulary_of_upper_case_letters_folds_to_its_own_case(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text(json.dumps({"<pad>": 0, "|": 1, "A": 2, "B": 3}))
    assert Vocabulary.load(tmp_path / "vocab.json").encode("ab A") == [2, 3, 1, 2]


@given(st.lists(st.integers(1, 50_000), min_size=1, max_size=60), st.floats(0.1, 5))
def test_batches_hold_every_utterance_once_within_the_budget(lengths: list[int], seconds: float) -> None:
    batches = pack(np.argsort(lengths), np.array(lengths), seconds)
    assert sorted(i for b in batches for i in b) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= seconds * SAMPLE_RATE


def test_training_batches_repeat_with_their_seed(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    first, again, other = (training_batches(corpus, 2.0, seed) for seed in (1, 1, 2))
    draws = [[next(stream) for _ in range(30)] for stream in (first, again, other)]
    assert draws[0] == draws[1] != draws[2]


def test_collate_normalises_and_masks(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    batch = collate(corpus, VOCABULARY, scoring_batches(corpus, 100)[0])
    assert batch.mask.sum(-1).tolist() == sorted(corpus.samples, reverse=True)
    for row, mask in zip(batch.audio, batch.mask.bool(), strict=True):
        assert row[mask].mean().abs() < 1e-4
        assert row[mask].std().item() == pytest.approx(1, abs=1e-3)
        assert (row[~mask] == 0).all()
    assert len(batch.targets) == int(batch.lengths.sum())


def test_batches_come_loaded_and_in_order_however_many_threads_load_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    wanted = list(islice(training_batches(corpus, 2.0, 1), 12))
    found = list(loaded(corpus, VOCABULARY, iter(wanted), torch.device("cpu")))
    assert [b.indices for b in found] == wanted
    for batch in found:
        assert torch.equal(batch.audio, collate(corpus, VOCABULARY, batch.indices).audio)


def test_a_broken_file_is_named_by_the_batch_that_wants_it(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    (tmp_path / "3.wav").write_bytes(b"RIFF")
    with pytest.raises(UserError, match=r"3\.wav"):
        list(loaded(corpus, VOCABULARY, iter([(0, 1), (2, 3)]), torch.device("cpu")))


def test_what_is_skipped_changes_nothing_in_what_follows(tmp_path: Path) -> None:
    corpus = read_manifest(write_speech(tmp_path))
    settings = FloatSettings(steps=9, learning_rate=1e-3, batch_seconds=2.0, speed_perturb=0.1)
    whole, rest = (
        list(islice(augmented_batches(corpus, VOCABULARY, settings, torch.device("cpu"), skip), 4 - skip))
        for skip in (0, 2)
    )
    assert all(torch.equal(a.audio, b.audio) for a, b in zip(whole[2:], rest, strict=True))
    assert not torch.equal(rest[0].mask.sum(), collate(corpus, VOCABULARY, rest[0].indices).mask.sum())


def test_pooled_wer_in_closed_form() -> None:
    errors = count_errors(["a b c d", "e f"], ["a x c", "e f g"])
    assert errors == WordErrors((2, 1), (4, 2))
    assert errors.wer == pytest.approx(50)
    low, high = errors.interval()
    assert low <= 50 <= high


def test_interval_of_a_constant_rate_has_no_width() -> None:
    assert WordErrors((1,) * 50, (4,) * 50).interval() == (25.0, 25.0)


def test_interval_covers_the_binomial_one() -> None:
    rng = np.random.default_rng(1)
    errors = WordErrors(tuple(rng.binomial(6, 0.2, 500).tolist()), (6,) * 500)
    low, high = errors.interval()
    assert (high - low) / 2 == pytest.approx(100 * 1.96 * np.sqrt(0.2 * 0.8 / 3000), rel=0.15)


def test_paired_gain_sees_what_unpaired_intervals_hide() -> None:
    base = tuple(np.random.default_rng(0).integers(0, 6, 300).tolist())
    worse = WordErrors(tuple(e + (i % 5 == 0) for i, e in enumerate(base)), (6,) * 300)
    better = WordErrors(base, (6,) * 300)
    points, low, high = paired_gain(better, worse)
    assert points == pytest.approx(100 * 60 / 1800)
    assert 0 < low < points < high
    assert better.interval()[1] > worse.interval()[0]  # the intervals of the two overlap
    with pytest.raises(ValueError, match="same utterances"):
        paired_gain(better, WordErrors((0,), (1,)))


def test_grammar_is_a_few_hundred_words_and_repeats_with_its_seed() -> None:
    assert 200 <= len(words()) <= 400
    assert sentence("7") == sentence("7")
    assert set(" ".join(sentence(str(i)) for i in range(500)).split()) <= words()


def test_pocket_voices_are_disjoint_and_its_cache_is_a_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("espeakng_loader")
    monkeypatch.setenv("HUBITS_CACHE", str(tmp_path))
    monkeypatch.setattr("evaluators.corpora._SHARD", 4)
    corpora = {split: PocketCorpus(split, 6) for split in ("train", "dev", "test")}
    voices = {
        split: {e["voice"].split("+")[1] for f in tmp_path.rglob(f"{split}-*.json") for e in json.loads(f.read_text())}
        for split in corpora
    }
    assert not voices["train"] & voices["dev"]
    assert not voices["dev"] & voices["test"]
    assert not voices["train"] & voices["test"]
    assert corpora["dev"].texts[:3] == PocketCorpus("dev", 3).texts
    wave = corpora["dev"].wave(5)
    assert np.array_equal(_wave_of_a_fresh_cache(tmp_path, monkeypatch), corpora["dev"].wave(1))
    assert len(wave) == corpora["dev"].samples[5] > SAMPLE_RATE // 2
    assert 0.05 < np.abs(wave).max() <= 1
    assert fingerprint(corpora["dev"]) == fingerprint(PocketCorpus("dev", 6)) != fingerprint(corpora["test"])


def _wave_of_a_fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.setenv("HUBITS_CACHE", str(tmp_path / "again"))
    return PocketCorpus("dev", 2).wave(1)


def test_the_pocket_test_set_is_large_enough() -> None:
    texts = [sentence(f"0/test/{i}") for i in range(500)]
    assert sum(len(t.split()) for t in texts) >= 3000


def test_voices_of_the_splits_are_disjoint() -> None:
    from evaluators.data.espeak import _VARIANTS

    names = [name for split in _VARIANTS.values() for name in split.split()]
    assert len(names) == len(set(names))
