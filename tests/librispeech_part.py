"""A part of LibriSpeech in manifests, laid out as LibriSpeech: ``python -m tests.librispeech_part PART OUT``.

PART holds train.jsonl, dev.jsonl and test.jsonl beside the audio, named SPEAKER-CHAPTER-UTTERANCE; OUT becomes what the
small LibriSpeech study's ``path`` points to, so that one study file runs on the part and on dev-clean itself.
"""

import sys
from collections import defaultdict
from pathlib import Path

import soundfile

from evaluators.data.audio import read_audio
from evaluators.data.manifest import read_manifest
from spaces.architecture import SAMPLE_RATE


def lay_out(part: Path, out: Path) -> int:
    """Write FLACs and transcripts as dev-clean has them; the number of utterances."""
    texts: dict[Path, list[str]] = defaultdict(list)
    for split in ("train", "dev", "test"):
        corpus = read_manifest(part / f"{split}.jsonl")
        for path, text in zip(corpus.paths, corpus.texts, strict=True):
            speaker, chapter, _ = path.stem.split("-")
            folder = out / "LibriSpeech" / "dev-clean" / speaker / chapter
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / f"{path.stem}.flac", read_audio(path), SAMPLE_RATE)
            texts[folder / f"{speaker}-{chapter}.trans.txt"].append(f"{path.stem} {text.upper()}")
    for file, lines in texts.items():
        file.write_text("\n".join(sorted(lines)) + "\n", encoding="utf-8")
    return sum(map(len, texts.values()))


if __name__ == "__main__":
    print(f"{lay_out(Path(sys.argv[1]), Path(sys.argv[2]))} utterances")
