"""What the tests of training and scoring share."""

from pathlib import Path

import pytest

from evaluators.data.batches import Batch, collate, scoring_batches
from evaluators.data.manifest import read_manifest
from tests.conftest import write_speech
from tests.evaluators.tiny import VOCABULARY


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """All of the tiny study's speech in one batch."""
    corpus = read_manifest(write_speech(tmp_path))
    return collate(corpus, VOCABULARY, scoring_batches(corpus, 100)[0])
