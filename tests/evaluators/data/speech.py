"""Made-up sounds for the tests of corpora."""

from pathlib import Path

import numpy as np
import soundfile


def write_tone(path: Path, rate: int, channels: int = 1, hertz: float = 440.0) -> None:
    time = np.arange(rate) / rate
    wave = 0.5 * np.sin(2 * np.pi * hertz * time)
    soundfile.write(path, np.stack([wave] * channels, axis=1), rate)
