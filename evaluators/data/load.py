"""Kinds of corpora: the registry, and the corpus that a section of a study file describes."""

import functools
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from evaluators.data.corpus import Corpus
from evaluators.section import Section
from spaces.names import choices


class CorpusSettings(Section):
    """Where one corpus comes from."""

    kind: str = Field(description="manifest, librispeech, spoken or pocket")
    path: Path | None = Field(
        None, description="manifest: the JSONL or CSV file; librispeech: the root folder; spoken: the text"
    )
    split: str | None = Field(None, description="pocket, spoken: train, dev or test; librispeech: dev-clean and so on")
    list: Path | None = Field(None, description="librispeech: a file with an utterance's name a line; only these")
    size: int | None = Field(None, gt=0, description="take only the first so many utterances")
    outside: bool = Field(False, description="manifest: audio may lie outside the manifest's folder")
    seed: int = Field(0, ge=0, description="pocket, spoken: the seed of the synthetic speech")

    @property
    def identity(self) -> dict[str, Any]:
        """What the corpus is, without where it lies."""
        return self.model_dump(mode="json", exclude={"path", "outside", "list"})

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in CORPUS_KINDS:
            raise ValueError(f"there is no such kind; {choices(kind, CORPUS_KINDS)}")
        return kind


class Corpora(Section):
    """The corpora: finetunes see train, the search sees dev, the finished front is scored once on test."""

    train: CorpusSettings
    dev: CorpusSettings
    test: CorpusSettings | None = None
    test_other: CorpusSettings | None = Field(
        None, description="a second test corpus, such as LibriSpeech's test-other"
    )
    more: CorpusSettings | None = Field(
        None, description="what float model and supernet learn from beside train, such as synthetic speech"
    )

    @model_validator(mode="after")
    def _other_beside_test(self) -> "Corpora":
        if self.test_other is not None and self.test is None:
            raise ValueError("test_other is scored beside test, which is missing")
        return self

    @property
    def named(self) -> dict[str, CorpusSettings]:
        """The corpora that there are, by their section's name."""
        return {name: found for name in type(self).model_fields if (found := getattr(self, name)) is not None}


@dataclass(frozen=True)
class CorpusKind:
    """A place that corpora come from.

    Attributes:
        read: the corpus of a section whose needs are met.
        needs: keys of the section without which it cannot be read, with an example of each.
        module: that has to be installed, and how.
    """

    name: str
    read: Callable[[CorpusSettings], Corpus]
    needs: tuple[tuple[str, str], ...] = ()
    module: tuple[str, str] | None = None


def _pocket(settings: CorpusSettings) -> Corpus:
    from evaluators.data.synthetic.corpus import pocket_corpus

    return pocket_corpus(settings.split or "train", settings.size or 500, settings.seed)


def _spoken(settings: CorpusSettings) -> Corpus:
    from evaluators.data.synthetic.corpus import spoken_corpus

    assert settings.path is not None
    return spoken_corpus(settings.path, settings.split or "train", settings.size, settings.seed)


def _manifest(settings: CorpusSettings) -> Corpus:
    from evaluators.data.manifest import read_manifest

    assert settings.path is not None
    return read_manifest(settings.path, settings.size, outside=settings.outside)


def _librispeech(settings: CorpusSettings) -> Corpus:
    from evaluators.data.librispeech import read_librispeech

    assert settings.path is not None
    assert settings.split is not None
    return read_librispeech(settings.path, settings.split, settings.size, settings.list)


_PATH = ("path", "speech/train.jsonl")
_ESPEAK = ("espeakng_loader", "needs espeak-ng; pip install 'hubits[pocket]'")
CORPUS_KINDS = {
    one.name: one
    for one in (
        CorpusKind("manifest", _manifest, (_PATH,)),
        CorpusKind("librispeech", _librispeech, (("path", "data"), ("split", "dev-clean"))),
        CorpusKind("pocket", _pocket, module=_ESPEAK),
        CorpusKind("spoken", _spoken, (("path", "text.txt"),), _ESPEAK),
    )
}


def lacking(settings: CorpusSettings) -> Iterator[str]:
    """What keeps a corpus from being read, as ``key: what``; looks at no audio."""
    kind = CORPUS_KINDS[settings.kind]
    for key, example in kind.needs:
        if getattr(settings, key) is None:
            yield f".{key}: missing; a corpus of kind {kind.name!r} needs it, such as {example}"
    if kind.module is not None and importlib.util.find_spec(kind.module[0]) is None:
        yield f": {kind.module[1]}"
    for key, path in (("path", settings.path), ("list", settings.list)):
        if path is not None and not path.exists():
            yield f".{key}: {path}: not found"


@functools.lru_cache(maxsize=8)
def load_corpus(settings: CorpusSettings) -> Corpus:
    """The corpus that a section of a study file describes.

    Raises:
        UserError: naming the key, file or line that is wrong.
    """
    from spaces.errors import UserError

    kind = CORPUS_KINDS[settings.kind]
    for key, example in kind.needs:
        if getattr(settings, key) is None:
            raise UserError(f"corpora: a corpus of kind {kind.name!r} needs a {key} such as {example}")
    return kind.read(settings)
