"""Commands that take a candidate home: export and transcribe."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.commands.options import AsJson, Refined, StudyPath, load
from search.front.export import EXPORT_FORMATS, export_candidate, named_candidate
from spaces.errors import plain

if TYPE_CHECKING:
    from search.study.candidate import Candidate
    from search.study.study_file import StudyFile

Format = Annotated[str, typer.Option("--format", help=", ".join(EXPORT_FORMATS))]


def export(
    study: StudyPath,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="the folder to write")],
    member: Annotated[str, typer.Option(help="a candidate's name, as `hubits front` shows it")],
    form: Format = "packed",
    refined: Refined = False,
) -> None:
    """Write a candidate for stock tools: a packed checkpoint for transformers, or ONNX with integer arithmetic.

    Example: hubits export studies/pocket/demo.toml exported --member w2a2 --format onnx
    """
    from search.study.snapshot import measured_candidates

    file = load(study, refined=refined)
    take_home(file, named_candidate(measured_candidates(file), member), folder, form)


def take_home(file: "StudyFile", candidate: "Candidate", folder: Path, form: str) -> None:
    """Write a candidate, and say what is there; an ONNX file is scored in its own runtime."""
    export_candidate(file, candidate, folder, form)
    print(f"{candidate.name} written to {folder} ({form})")
    if form == "onnx" and file.corpora.test is not None:
        print(_onnx_score(file, candidate, folder))


def _onnx_score(file: "StudyFile", candidate: "Candidate", folder: Path) -> str:
    from evaluators.costs.layout import ONNX
    from evaluators.error_rate import MEASURES, rate, recorded
    from search.front.export import onnx_errors
    from search.views.screen import CountLine, StatusLine

    with StatusLine() as line:
        errors = onnx_errors(file, folder, CountLine(line, "test corpus in onnxruntime"))
    measure = candidate.measure
    own = rate(recorded(errors), measure)
    size = (folder / ONNX).stat().st_size / 1e6
    packed = "not scored" if candidate.on_test is None else f"{candidate.on_test.percent:.2f} %"
    return (
        f"test {MEASURES[measure]} in onnxruntime {own.percent:.2f} % [{own.low:.2f}, {own.high:.2f}], {size:.3f} MB; "
        f"of the packed checkpoint {packed}, {candidate.storage_mb:.3f} MB"
    )


def transcribe(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a folder that `hubits export` or `pick` wrote")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="audio files of any rate, mono or stereo")],
    words: Annotated[Path | None, typer.Option(help="hear nothing but these words, one a line: a beam search")] = None,
    as_json: AsJson = False,
) -> None:
    """Read speech with an exported candidate: a packed checkpoint in PyTorch, ONNX in onnxruntime.

    Example: hubits transcribe picked hello.wav
    """
    from evaluators.data.audio import read_audio
    from evaluators.readers import open_reader

    read = open_reader(folder, words)
    for file in files:
        text = read(read_audio(file))
        print(json.dumps({"file": str(file), "text": text}) if as_json else plain(f"{file}: {text}"))
