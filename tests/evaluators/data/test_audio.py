"""Audio of any rate and number of channels."""

from pathlib import Path

import numpy as np
import pytest

from evaluators.data.audio import read_audio
from spaces.architecture import SAMPLE_RATE
from tests.evaluators.data.speech import write_tone


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16_000, 2), (22_050, 1), (44_100, 2)])
def test_any_rate_and_number_of_channels_becomes_16_khz_mono(tmp_path: Path, rate: int, channels: int) -> None:
    write_tone(tmp_path / "a.wav", rate, channels)
    wave = read_audio(tmp_path / "a.wav")
    assert wave.shape == (SAMPLE_RATE,)
    assert np.abs(np.fft.rfft(wave)).argmax() == 440
