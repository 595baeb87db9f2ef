"""The card of an exported candidate: what it is, what it costs, how to load it."""

from pathlib import Path

from evaluators.costs.layout import CHECKPOINT, ONNX
from search.study.candidate import Candidate
from search.study.study_file import StudyFile

CARD = "model_card.md"
_LOADING = {
    "packed": """```python
import hubits  # makes the packed model known to transformers
from transformers import pipeline

read = pipeline("automatic-speech-recognition", model="DIR")
```

Weights stay packed in memory. `hubits transcribe DIR FILE` reads a file from the shell.
""",
    "onnx": """```python
import numpy as np
import onnxruntime
from transformers import Wav2Vec2Processor

processor = Wav2Vec2Processor.from_pretrained("DIR")
session = onnxruntime.InferenceSession("DIR/model.onnx")
samples = processor(wave, sampling_rate=16_000, return_tensors="np").input_values
text = processor.batch_decode(session.run(None, {"x": samples})[0].argmax(-1))[0]
```

`hubits transcribe DIR FILE` reads a file from the shell; sherpa-onnx reads the folder with
`OfflineRecognizer.from_omnilingual_asr_ctc(model="DIR/model.onnx", tokens="DIR/tokens.txt")`. Utterances of one batch
must be of one length.
""",
}


def write_card(file: StudyFile, candidate: Candidate, folder: Path, form: str) -> None:
    """Write ``model_card.md`` beside an export."""
    (folder / CARD).write_text(_card(file, candidate, folder, form), encoding="utf-8")


def _card(file: StudyFile, candidate: Candidate, folder: Path, form: str) -> str:
    size = (folder / (ONNX if form == "onnx" else CHECKPOINT)).stat().st_size / 1e6
    label = candidate.label
    rows = [
        (f"{label}, development", f"{candidate.error:.2f} % [{candidate.error_low:.2f}, {candidate.error_high:.2f}]"),
        ("this file", f"{size:.3f} MB"),
        ("packed checkpoint", f"{candidate.storage_mb:.3f} MB"),
        (f"runtime ({file.search.runtime}, an estimate)", f"{candidate.runtime:.3f} of fp16"),
        ("mean bits a weight of the blocks", f"{candidate.mean_bits:.2f}"),
    ]
    if test := candidate.on_test:
        rows.insert(1, (f"{label}, test", f"{test.percent:.2f} % [{test.low:.2f}, {test.high:.2f}]"))
    table = "\n".join(f"| {key} | {value} |" for key, value in rows)
    layers = "\n".join(f"| {layer} | {precision} |" for layer, precision in candidate.assignment.items())
    kind = "scored from exactly these bytes" if form == "packed" else "scored from the packed checkpoint"
    return f"""# {candidate.name} of the study {file.name}

A HuBERT speech recogniser with a precision of its own for each layer, found and exported by hubits. Error
rates were {kind}.

| | |
|---|---|
{table}

## Loading

{_LOADING[form]}
## Assignment

Layers that are not named are in fp16.

| layer | precision |
|---|---|
{layers}
"""
