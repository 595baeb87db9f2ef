"""Human speech from a Debian package, as manifests: ``python -m evaluators.data.asterisk studies/asterisk/speech``.

``asterisk-core-sounds-en-g722`` holds some 500 telephone prompts at 16 kHz, spoken by Allison Smith (CC BY-SA 3.0), and
``asterisk-core-sounds-en`` the list of what is said. Needs both packages and ``pip install 'hubits[prompts]'``.
"""

import argparse
import gzip
import json
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spaces.architecture import SAMPLE_RATE
from spaces.errors import UserError

SOUNDS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
LIST = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SPLITS = (("test", 15), ("dev", 30), ("train", 100))  # upper bounds in percent


def spoken_text(said: str) -> str | None:
    """A prompt's text in the letters of a CTC vocabulary; None where something else than words is heard."""
    if re.search(r"[\[\]()<>@*#]|\d\d|[A-Z]{2}", said):
        return None
    text = re.sub(r"\d", lambda m: f" {_WORDS[int(m[0])]} ", said).lower()
    text = " ".join(re.sub(r"[^a-z']+", " ", text).split())
    return text or None


def split_of(text: str) -> str:
    """The corpus of a prompt, from its text alone: the same words never lie in two of them."""
    place = zlib.crc32(text.encode()) % 100
    return next(name for name, bound in _SPLITS if place < bound)


def prompts(sounds: Path, listed: Path) -> Iterator[tuple[Path, str]]:
    """Files and texts of the prompts that hold words alone.

    Raises:
        UserError: if a package is not installed.
    """
    if not listed.exists() or not sounds.exists():
        missing = listed if not listed.exists() else sounds
        raise UserError(f"{missing}: not found; apt-get install asterisk-core-sounds-en asterisk-core-sounds-en-g722")
    for line in gzip.decompress(listed.read_bytes()).decode().splitlines():
        name, _, said = line.strip().partition(": ")
        text = None if line.startswith(";") else spoken_text(said)
        path = sounds / f"{name}.g722"
        if text is not None and path.exists():
            yield path, text


def decode_g722(path: Path) -> np.ndarray:
    """A raw G.722 file as int16 (samples,), 16 kHz mono."""
    try:
        import av
    except ImportError:
        raise UserError("G.722 needs PyAV; pip install 'hubits[prompts]'") from None
    try:
        with av.open(str(path), format="g722") as container:
            frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    except av.FFmpegError as error:
        raise UserError(f"{path}: cannot be decoded ({error.strerror})") from None
    return np.concatenate(frames) if frames else np.zeros(0, np.int16)


def write_manifests(folder: Path, sounds: Path = SOUNDS, listed: Path = LIST) -> dict[str, tuple[int, float]]:
    """Write WAVs and ``train.jsonl``, ``dev.jsonl``, ``test.jsonl``; utterances and seconds of each."""
    import soundfile

    found: dict[str, list[tuple[str, str, int]]] = {name: [] for name, _ in _SPLITS}
    (folder / "wav").mkdir(parents=True, exist_ok=True)
    for path, text in prompts(sounds, listed):
        wave = decode_g722(path)
        if len(wave) < 4_000:
            continue
        name = str(path.relative_to(sounds).with_suffix("")).replace("/", "-")
        soundfile.write(folder / "wav" / f"{name}.wav", wave, SAMPLE_RATE)
        found[split_of(text)].append((f"wav/{name}.wav", text, len(wave)))
    for split, entries in found.items():
        lines = [json.dumps({"audio": audio, "text": text}) for audio, text, _ in entries]
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return {split: (len(entries), sum(e[2] for e in entries) / SAMPLE_RATE) for split, entries in found.items()}


def main() -> None:
    """Write the manifests and say what is in them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    try:
        for split, (count, seconds) in write_manifests(parser.parse_args().folder).items():
            print(f"{split}: {count} prompts, {seconds / 60:.1f} minutes")
    except (UserError, OSError, EOFError, zlib.error) as error:
        print(f"hubits: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
