"""What lies beside a packed file in an exported folder, so that transformers loads it as it loads any other model."""

import json
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig

from evaluators.costs.layout import VOCABULARY
from evaluators.data.vocabulary import BLANK, BOUNDARY, Vocabulary
from evaluators.formats.packed_model import packed_config
from spaces.architecture import SAMPLE_RATE
from spaces.assignment import Assignment

_SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def write_beside(
    folder: Path, config: PreTrainedConfig, assignment: Assignment, vocabulary: Vocabulary, *, superb: bool = False
) -> None:
    """Write the config, and what the processor wants.

    Args:
        superb: whether the member wants a head of its own, which no CTC model of transformers has.
    """
    folder.mkdir(parents=True, exist_ok=True)
    packed = packed_config(config, assignment)
    if superb:
        packed.superb = True
    packed.save_pretrained(folder)
    write_processor(folder, vocabulary)


def write_processor(folder: Path, vocabulary: Vocabulary) -> None:
    """Write the vocabulary, and the settings of transformers' tokenizer and feature extractor."""
    vocabulary.save(folder / VOCABULARY)
    _write(folder / "preprocessor_config.json", {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": SAMPLE_RATE, "feature_size": 1,
        "padding_value": 0.0, "padding_side": "right", "do_normalize": True,
        "return_attention_mask": True,  # an utterance in a batch is what it is alone, group norm or not
    })  # fmt: skip
    special = {role: token if token in vocabulary.tokens else None for role, token in _SPECIAL.items()}
    _write(folder / "tokenizer_config.json", {
        "tokenizer_class": "Wav2Vec2CTCTokenizer", "pad_token": BLANK, "word_delimiter_token": BOUNDARY,
        "do_lower_case": False, "replace_word_delimiter_char": " ", **special,
    })  # fmt: skip


def _write(path: Path, settings: dict[str, Any]) -> None:
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
