"""Speech that the machine makes itself: espeak-ng, driven in-process, in many voices, rates, pitches and noise levels.

The library and its voices come in the wheel of ``espeakng-loader`` (GPL-3, the extra ``pocket``). Only the parts of
its C interface that speak one sentence into memory are declared here (speak_lib.h of espeak-ng 1.52).
"""

import ctypes
import functools
import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torchaudio.functional import resample

from spaces.architecture import SAMPLE_RATE
from spaces.errors import UserError

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_CHARS_UTF8 = 1
_POSITION_CHARACTER = 1

_VARIANTS = {
    "train": "f1 f2 f5 m1 m2 m3 m5 m6 m8 Alex Alicia Andrea Denis Gene Jacky Lee Marco Mario Mike adam anika "
    "antonio aunty belinda benjamin boris caleb david ed edward grandma ian iven max miguel norbert pablo "
    "pedro quincy rob sandro shelby travis zac",
    "dev": "f4 m7 linda paul steph Michael",
    "test": "f3 m4 Annie john Andy robert michel victor",
}


@dataclass(frozen=True)
class Manner:
    """What voices are drawn from: accents, words a minute, pitch and its range (0 to 100), signal to noise in dB."""

    accents: tuple[str, ...]
    rate: tuple[int, int]
    pitch: tuple[int, int]
    range: tuple[int, int]
    snr_db: tuple[float, float]


MANNERS = {
    "pocket": Manner(("en-us", "en-us", "en-gb-x-rp"), (150, 205), (30, 70), (50, 50), (18.0, 40.0)),
    "reading": Manner(
        ("en-us", "en-us", "en-us-nyc", "en", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbcwmd"),
        (120, 215), (30, 80), (20, 70), (12.0, 45.0),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Spoken:
    """One synthetic utterance: what is said, by whom, and the 16 kHz mono wave as int16."""

    text: str
    voice: str
    wave: np.ndarray


def speak(split: str, seed: str, text: str, manner: str) -> Spoken:
    """Draw a voice of that split, a rate, a pitch and a noise level from the seed, and speak the text.

    Args:
        split: ``train``, ``dev`` or ``test``; no voice variant belongs to two of them.
        seed: everything about the utterance but its text follows from this string.
        manner: one of ``MANNERS``.
    """
    rng = random.Random(seed)
    how = MANNERS[manner]
    accent, variant = rng.choice(how.accents), rng.choice(_VARIANTS[split].split())
    rate, pitch = rng.randint(*how.rate), rng.randint(*how.pitch)
    span = how.range[0] if how.range[0] == how.range[1] else rng.randint(*how.range)
    wave = _trim(_synthesise(text, f"{accent}+{variant}", rate, pitch, span)) * rng.uniform(0.3, 0.95)
    snr_db = rng.uniform(*how.snr_db)
    noise = np.random.default_rng(rng.getrandbits(64)).standard_normal(len(wave))
    power = float(np.mean(wave**2)) + 1e-9
    noisy = wave + noise * np.sqrt(power / 10 ** (snr_db / 10))
    return Spoken(text, f"{accent}+{variant}", np.clip(noisy * 32767, -32768, 32767).astype(np.int16))


@functools.cache
def _engine() -> tuple[ctypes.CDLL, int]:
    try:
        import espeakng_loader
    except ImportError:
        raise UserError(
            "synthetic speech needs espeak-ng: install the extra with `pip install 'hubits[pocket]'`"
        ) from None
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 200, espeakng_loader.get_data_path().encode(), 0)
    if rate <= 0:
        raise UserError("espeak-ng did not start: reinstall espeakng-loader")
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
        ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    return library, rate


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def _synthesise(text: str, voice: str, rate: int, pitch: int, span: int) -> np.ndarray:
    """Speak into a float32 wave at 16 kHz."""
    library, source_rate = _engine()
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise UserError(f"espeak-ng has no voice {voice!r}; reinstall espeakng-loader")
    for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_VOLUME, 100), (_RANGE, span)):
        library.espeak_SetParameter(parameter, value, 0)
    chunks: list[np.ndarray] = []

    def collect(samples: object, count: int, _events: object) -> int:
        if samples and count > 0:
            chunks.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return 0

    callback = _CALLBACK(collect)  # kept in a name: C holds no reference
    library.espeak_SetSynthCallback(callback)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
    wave = torch.from_numpy(np.concatenate(chunks).astype(np.float32) / 32768)
    return resample(wave, source_rate, SAMPLE_RATE).numpy()


def _trim(wave: np.ndarray, keep: int = SAMPLE_RATE // 20) -> np.ndarray:
    """Cut silence at both ends down to a twentieth of a second, and bring the peak to one."""
    loud = np.flatnonzero(np.abs(wave) > 0.01)
    wave = wave[max(0, loud[0] - keep) : loud[-1] + keep] if len(loud) else wave
    return wave / max(1e-6, float(np.abs(wave).max()))


def main(orders: str, out: str) -> None:
    """Speak some utterances in a row: their samples into a .npy file, who says what into a .json beside it.

    Args:
        orders: a JSON file: a list of the arguments of ``speak``.
    """
    spoken = [speak(**order) for order in json.loads(Path(orders).read_text(encoding="utf-8"))]
    np.save(out, np.concatenate([s.wave for s in spoken]), allow_pickle=False)
    entries = [{"text": s.text, "voice": s.voice, "samples": len(s.wave)} for s in spoken]
    Path(out).with_suffix(".json").write_text(json.dumps(entries), encoding="utf-8")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))
