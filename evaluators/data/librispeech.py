"""Corpora in LibriSpeech's folder layout, found by torchaudio's own data set."""

from pathlib import Path

from evaluators.data.corpus import FileCorpus
from evaluators.data.headers import Headers
from spaces.errors import UserError


def read_librispeech(root: Path, split: str, limit: int | None = None) -> FileCorpus:
    """Read one split (``dev-clean``) of a folder in LibriSpeech's layout, ``root/LibriSpeech/split`` or ``root/split``.

    torchaudio's data set finds the utterances and their transcripts; the audio is decoded by soundfile.
    """
    from torchaudio.datasets import LIBRISPEECH

    base = root / "LibriSpeech" if (root / "LibriSpeech").is_dir() else root
    if not (base / split).is_dir():
        raise UserError(f"{base / split}: no such folder; put LibriSpeech's {split} there or set the corpus' root")
    try:
        data = LIBRISPEECH(base.parent, url=split, folder_in_archive=base.name, download=False)
    except ValueError as error:
        raise UserError(f"{base / split}: not a split of LibriSpeech ({error})") from None
    corpus = FileCorpus(f"librispeech/{split}", [], [], [], [])
    headers = Headers(base / f"{split}.headers.json")
    for i in range(len(data) if limit is None else min(limit, len(data))):
        try:
            file, _, text, *_ = data.get_metadata(i)
        except (OSError, ValueError) as error:
            raise UserError(f"{base / split}: a transcript is missing or broken ({error})") from None
        place = f"{split}[{i}]"
        corpus.append(base / file, text, place, headers.samples(base / file, place))
    headers.keep()
    if not corpus.paths:
        raise UserError(f"{base / split}: holds no utterances")
    return corpus
