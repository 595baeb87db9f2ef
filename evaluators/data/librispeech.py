"""Corpora in LibriSpeech's folder layout, found by torchaudio's own data set."""

from pathlib import Path

from evaluators.data.corpus import FileCorpus
from evaluators.data.headers import Headers
from spaces.errors import UserError


def read_librispeech(root: Path, split: str, limit: int | None = None, names: Path | None = None) -> FileCorpus:
    """Read one split (``dev-clean``) of a folder in LibriSpeech's layout, ``root/LibriSpeech/split`` or ``root/split``.

    torchaudio's data set finds the utterances and their transcripts; the audio is decoded by soundfile.

    Args:
        limit: take only the first so many utterances.
        names: a text file with the name of an utterance (``84-121123-0000``) a line: take these alone.

    Raises:
        UserError: naming the folder, the utterance or the line that is wrong.
    """
    from torchaudio.datasets import LIBRISPEECH

    base = root / "LibriSpeech" if (root / "LibriSpeech").is_dir() else root
    if not (base / split).is_dir():
        raise UserError(f"{base / split}: no such folder; put LibriSpeech's {split} there or set the corpus' root")
    try:
        data = LIBRISPEECH(base.parent, url=split, folder_in_archive=base.name, download=False)
    except ValueError as error:
        raise UserError(f"{base / split}: not a split of LibriSpeech ({error})") from None
    wanted = None if names is None else read_names(names)
    corpus = FileCorpus(f"librispeech/{split}", [], [], [], [])
    headers = Headers(base / f"{split}.headers.json")
    for i in range(len(data)):
        try:
            file, _, text, *_ = data.get_metadata(i)
        except (OSError, ValueError) as error:
            raise UserError(f"{base / split}: a transcript is missing or broken ({error})") from None
        name = Path(file).stem
        if wanted is not None and name not in wanted:
            continue
        corpus.append(base / file, text, name, headers.samples(base / file, name))
        if len(corpus.paths) == limit:
            break
    headers.keep()
    if wanted is not None and limit is None and (missing := wanted - set(corpus.places)):
        raise UserError(f"{names}: {min(missing)} and {len(missing) - 1} others are not in {base / split}")
    if not corpus.paths:
        raise UserError(f"{base / split}: holds no utterances")
    return corpus


def read_names(path: Path) -> set[str]:
    """Utterances named in a text file, one a line; empty lines and those that begin with ``#`` are passed over."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a list of utterances ({error})") from None
    found = {name for line in lines if (name := line.strip()) and not name.startswith("#")}
    if not found:
        raise UserError(f"{path}: names no utterance")
    return found
