"""The command line. Everything heavy is imported inside the commands, so that help and the quick ones start at once."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from spaces.errors import UserError

if TYPE_CHECKING:
    from search.executors import Executor
    from search.study_file import StudyFile

Found = TypeVar("Found")
app = typer.Typer(
    name="hubits",
    help="Find which layer of a HuBERT speech model may live on how few bits.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
StudyPath = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="the study file")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON for machines")]
Workers = Annotated[int | None, typer.Option(min=1, help="candidates measured at the same time")]
ExecutorName = Annotated[str | None, typer.Option("--executor", help="ray or inline")]
Refined = Annotated[bool, typer.Option("--refined", help="what `hubits refine` measured, instead of the search")]


def main() -> None:
    """Run the command line; a user's mistake becomes one line and exit code 2."""
    try:
        app()
    except UserError as error:
        print(f"hubits: {error}", file=sys.stderr)
        sys.exit(2)


def _load(path: Path, refined: bool = False) -> "StudyFile":
    from search.study_file import StudyFile

    return StudyFile.load(path).at("refined" if refined else "short")


@app.command()
def check(
    study: StudyPath,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="try a few steps with random weights and time them")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What the study would do and cost, and what is missing, before it costs anything.

    Example: hubits check studies/pocket/demo.toml
    """
    from search.check import check_study
    from search.screen import StatusLine, TrainingLine

    file = _load(study)
    with StatusLine() as line:
        if rehearse:
            line.show("building a model of random weights")
        report = check_study(file, rehearsing=rehearse, on_step=TrainingLine(line))
    print(json.dumps(report.as_dict(), indent=2) if as_json else report.text())
    if report.missing:
        raise typer.Exit(2)


@app.command()
def search(
    study: StudyPath,
    trials: Annotated[int | None, typer.Option(min=0, help="mixed candidates to measure in all")] = None,
    workers: Workers = None,
    seed: Annotated[int | None, typer.Option(min=0, help="seed of the sampler")] = None,
    executor: ExecutorName = None,
    ray_address: Annotated[str | None, typer.Option(help="of an existing Ray cluster, such as auto")] = None,
) -> None:
    """Run a study, or go on with it: nothing measured is measured again. Ctrl-C once finishes what runs.

    Example: hubits search studies/pocket/demo.toml --trials 24 --workers 2
    """
    from search.stages import search_study
    from search.table import print_front

    given = _given(trials=trials, workers=workers, seed=seed, executor=executor, ray_address=ray_address)
    file = _with_search(_load(study), given)
    _require(file)
    members, stopped = _run(file, search_study)
    print_front(file, members)
    if stopped:
        print(f"stopped; `hubits search {study}` goes on from here", file=sys.stderr)


@app.command()
def refine(study: StudyPath, workers: Workers = None, executor: ExecutorName = None) -> None:
    """Give the front's members and the uniform ones a longer finetune; their own front compares like with like.

    Example: hubits refine studies/pocket/demo.toml
    """
    from search.stages import refine_study
    from search.table import print_agreement, print_front

    file = _with_search(_load(study), _given(workers=workers, executor=executor))
    _require(file)
    members, stopped = _run(file, refine_study)
    print_front(file.at("refined"), members)
    print_agreement(file)
    if stopped:
        print(f"stopped; `hubits refine {study}` goes on from here", file=sys.stderr)


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {k: v for k, v in options.items() if v is not None}


def _with_search(file: "StudyFile", changes: dict[str, Any]) -> "StudyFile":
    """The study with some of its search section given on the command line."""
    from pydantic import ValidationError

    from search.study_file import SearchSettings

    try:
        settings = SearchSettings(**{**file.search.model_dump(), **changes})
    except ValidationError as error:
        problem = error.errors()[0]
        raise UserError(f"--{problem['loc'][0]}: {problem['msg']} (found {problem['input']!r})") from None
    return file.model_copy(update={"search": settings})


def _require(file: "StudyFile", *, supernet: bool = True) -> None:
    from search.check import missing

    if lacking := missing(file, supernet=supernet):
        raise UserError(lacking[0])


def _run(
    file: "StudyFile", stages: "Callable[[StudyFile, Executor, Callable[[Any], None], Any], Found]"
) -> "tuple[Found, bool]":
    from search.executors import make_executor
    from search.screen import SearchLine, StatusLine
    from search.stages import Stop

    executor = make_executor(file.search)
    stop = Stop()
    try:
        with StatusLine() as line:
            return stages(file, executor, SearchLine(line), stop), stop.asked
    except KeyboardInterrupt:
        raise UserError("stopped at once; what was measured is kept, the same command goes on") from None
    finally:
        executor.close()


@app.command()
def front(
    study: StudyPath,
    csv: Annotated[Path | None, typer.Option(help="write the table here")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="in CSV and JSON, dominated members as well")] = False,
    refined: Refined = False,
    as_json: AsJson = False,
) -> None:
    """The Pareto front: one row a member, and the uniform members beside it.

    Example: hubits front studies/pocket/demo.toml --csv front.csv
    """
    from search.snapshot import measured_members
    from search.table import print_agreement, print_front, rows, write_csv

    file = _load(study, refined)
    members = measured_members(file)
    if csv is not None:
        write_csv(rows(members, everyone=everyone), csv)
    if as_json:
        print(json.dumps(rows(members, everyone=everyone), indent=2))
    elif csv is None:
        print_front(file, members)
        print_agreement(file)


@app.command()
def pick(
    study: StudyPath,
    max_storage: Annotated[float | None, typer.Option(help="MB (10^6 bytes) of the packed file")] = None,
    max_runtime: Annotated[float | None, typer.Option(help="estimated runtime as a share of fp16")] = None,
    max_wer: Annotated[float | None, typer.Option(help="WER in percent on the development corpus")] = None,
    knee: Annotated[bool, typer.Option("--knee", help="the member nearest to the ideal corner")] = False,
    export: Annotated[Path | None, typer.Option(help="write the packed checkpoint into this folder")] = None,
    refined: Refined = False,
    as_json: AsJson = False,
) -> None:
    """Pick a configuration under a budget, say why, and keep it.

    Example: hubits pick studies/pocket/demo.toml --max-storage 1.2 --export picked
    """
    from search.export import export_member
    from search.pareto import front as pareto_front
    from search.pick import Budget
    from search.pick import pick as pick_member
    from search.snapshot import measured_members
    from search.table import row

    file = _load(study, refined)
    everyone = measured_members(file)
    chosen = pick_member(pareto_front(everyone), Budget(max_storage, max_runtime, max_wer), knee=knee)
    member = chosen.member
    if export is not None:
        export_member(file, member, export)
    if as_json:
        print(json.dumps({**row(member, everyone), "reason": chosen.reason}, indent=2))
        return
    print(f"{member.name}: WER {member.wer:.2f} % [{member.wer_low:.2f}, {member.wer_high:.2f}], "
          f"{member.storage_mb:.3f} MB, runtime {member.runtime:.3f} of fp16")  # fmt: skip
    print(f"why: {chosen.reason}")
    print(member.assignment.short(file.architecture))
    if export is not None:
        print(f"written to {export}")


@app.command()
def report(
    study: StudyPath,
    out: Annotated[
        Path | None, typer.Option(help="the HTML file; by default report.html in the study's folder")
    ] = None,
    refined: Refined = False,
) -> None:
    """One self-contained HTML page: the front, its members bit by bit, and how the search went.

    Example: hubits report studies/pocket/demo.toml --out report.html
    """
    from search.report import write_report
    from search.snapshot import measured_members

    file = _load(study, refined)
    path = out or file.folder / "report.html"
    write_report(file, measured_members(file), path)
    print(path)


@app.command()
def copy(
    study: StudyPath,
    target: Annotated[str, typer.Argument(metavar="URL", help="an Optuna storage URL")],
) -> None:
    """Copy a study's records to another database; `search.storage` in the study file then points there.

    Example: hubits copy studies/pocket/demo.toml postgresql+psycopg://me@server/studies
    """
    from search.copying import copy_study

    for name in copy_study(_load(study), target):
        print(f"{name} copied; set search.storage in the study file to go on there")


@app.command()
def transcribe(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a folder that `hubits pick --export` wrote")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="audio files of any rate, mono or stereo")],
    as_json: AsJson = False,
) -> None:
    """Read speech with a packed checkpoint.

    Example: hubits transcribe picked hello.wav
    """
    from evaluators.corpora import read_audio
    from evaluators.packed import load_packed
    from evaluators.scoring import transcribe_wave

    model, vocabulary, _ = load_packed(folder)
    for file in files:
        text = transcribe_wave(model, vocabulary, read_audio(file))
        print(json.dumps({"file": str(file), "text": text}) if as_json else f"{file}: {text}")


@app.command()
def estimate(
    model: Annotated[str, typer.Option(help="a model's name, a config.json or a folder with one")],
    uniform: Annotated[list[str], typer.Option(help="a precision for every layer of the blocks, such as w2a2")] = [],  # noqa: B006
    assignment: Annotated[Path | None, typer.Option(help="an assignment's JSON file")] = None,
    runtime: Annotated[
        str, typer.Option(help="bitops, or paper for the paper's accounting of its own model")
    ] = "bitops",
    as_json: AsJson = False,
) -> None:
    """Storage and estimated runtime of any HuBERT, no weights needed.

    Example: hubits estimate --model hubert-base-fastconv --uniform fp16 --uniform w2a2 --runtime paper
    """
    from search.estimate import estimates

    found = estimates(model, uniform, assignment, runtime)
    if as_json:
        print(json.dumps(found))
        return
    for one in found:
        print(f"{one['name']:<12} {one['storage_mb']:>10.2f} MB {one['runtime']:>8.2f} of fp16")


@app.command("import")
def import_model(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="a name on the hub, or a folder that transformers wrote")
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="the model folder to write")],
) -> None:
    """Write a HuBERT checkpoint of transformers as a model folder.

    Example: hubits import facebook/hubert-large-ls960-ft models/hubert-large
    """
    from evaluators.checkpoints import import_checkpoint

    head = import_checkpoint(source, folder)
    print(
        f"{folder}: " + ("a CTC model" if head else "a pretrained model, for float_training.start; it has no CTC head")
    )


@app.command()
def train_float(study: StudyPath) -> None:
    """Train the study's float model (its section float_training); started again, it goes on.

    Example: hubits train-float studies/pocket/train.toml
    """
    from search.training import train_float_model

    wer = _training(lambda on_step: train_float_model(_load(study), on_step))
    print(f"WER {wer:.2f} % on the development corpus")


@app.command()
def train_supernet(study: StudyPath) -> None:
    """Train the study's supernet (its section supernet_training); started again, it goes on.

    Example: hubits train-supernet studies/pocket/train.toml
    """
    from search.training import train_supernet_model

    wers = _training(lambda on_step: train_supernet_model(_load(study), on_step))
    if wers:
        print("WER without a step: " + ", ".join(f"{name} {wer:.2f} %" for name, wer in wers.items()))


@app.command()
def recipes(study: StudyPath, workers: Workers = None, executor: ExecutorName = None, as_json: AsJson = False) -> None:
    """Train the paper's recipes and ours from the float model at equal steps; started again, it goes on.

    Example: hubits recipes studies/pocket/recipes.toml
    """
    from search.driver import Desk
    from search.recipes import compare_recipes, compared, planned
    from search.stages import locked
    from search.table import print_recipes

    file = _with_search(_load(study), _given(workers=workers, executor=executor))
    planned(file)
    _require(file, supernet=False)

    def stage(
        file: "StudyFile", executor: "Executor", on_progress: Callable[[Any], None], stop: Any
    ) -> tuple[list[dict[str, Any]], list[str]]:
        with locked(file), stop.listening():
            return compare_recipes(file, Desk(executor, on_progress, stop))

    (results, failed), stopped = _run(file, stage)
    found = compared(file, results)
    print(json.dumps(found)) if as_json else print_recipes(file, found)
    for line in failed:
        print(f"hubits: {line}", file=sys.stderr)
    if stopped:
        print(f"stopped; `hubits recipes {study}` goes on from here", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


@app.command()
def sensitivity(
    study: StudyPath,
    wer: Annotated[bool, typer.Option("--wer", help="in WER points on the development corpus; takes longer")] = False,
    as_json: AsJson = False,
) -> None:
    """What each choice costs on its own, from the supernet without training; the report shows it as a heat map.

    Example: hubits sensitivity studies/pocket/demo.toml
    """
    from search.screen import StatusLine, TrainingLine
    from search.sensitivity import measure_sensitivity, measure_wer
    from search.table import print_sensitivity

    file = _load(study)
    _require(file)
    unit = "WER points" if wer else "nat a frame" if file.superb is None else "relative error"
    with StatusLine() as line:
        measure = measure_wer if wer else measure_sensitivity
        table = measure(file, TrainingLine(line, unit))
    print(json.dumps(table)) if as_json else print_sensitivity(file, table, unit)


def _training(train: Callable[[Callable[[int, int, float], None]], Any]) -> Any:
    from search.screen import StatusLine, TrainingLine

    with StatusLine() as line:
        return train(TrainingLine(line))
