"""Audio files of any rate and number of channels as 16 kHz mono, decoded by soundfile."""

from pathlib import Path

import numpy as np

from evaluators.files import probe
from spaces.architecture import SAMPLE_RATE
from spaces.errors import UserError


def read_audio(path: Path, place: str = "") -> np.ndarray:
    """Decode an audio file to float32 (samples,) at 16 kHz mono.

    Raises:
        UserError: if the file is missing, broken, empty or not finite.
        OSError: if the disk that it lies on is away for a moment.
    """
    import soundfile

    label = f"{place}: {path}" if place else str(path)
    try:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError, TypeError) as error:
        raise UserError(f"{label}: cannot be read as audio ({_reason(path, error)})") from None
    mono = wave.mean(axis=1)
    if not len(mono) or not np.isfinite(mono).all():
        raise UserError(f"{label}: holds {'no' if not len(mono) else 'non-finite'} samples; replace the file")
    if rate == SAMPLE_RATE:
        return mono
    import torch
    from torchaudio.functional import resample

    return resample(torch.from_numpy(mono), rate, SAMPLE_RATE).numpy()


def normalise(wave: np.ndarray) -> np.ndarray:
    """Zero mean and unit variance, as HuBERT's own feature extractor does it."""
    return (wave - wave.mean()) / np.sqrt(wave.var() + 1e-7)


def samples_of(path: Path, place: str) -> int:
    """Length of the file at 16 kHz, from its header alone."""
    import soundfile

    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, OSError, RuntimeError, TypeError) as error:
        raise UserError(f"{place}: {path}: cannot be read as audio ({_reason(path, error)})") from None
    if info.frames <= 0:
        raise UserError(f"{place}: {path}: holds no samples; replace the file")
    return round(info.frames * SAMPLE_RATE / info.samplerate)


def _reason(path: Path, error: Exception) -> str:
    probe(path)
    try:
        there = path.exists()
    except OSError:  # a name that no file system takes
        there = False
    return str(error).splitlines()[0].removeprefix(f"Error opening {path!r}: ") if there else "no such file"
