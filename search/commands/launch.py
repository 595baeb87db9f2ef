"""Commands that measure: check, search, refine, sensitivity, recipes."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from search.commands.options import AsJson, ExecutorName, StudyPath, Workers, load, require, run
from spaces.errors import UserError


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
    from search.stages.check import check_study
    from search.views.screen import StatusLine, TrainingLine

    file = load(study)
    with StatusLine() as line:
        if rehearse:
            line.show("building a model of random weights")
        report = check_study(file, rehearsing=rehearse, on_step=TrainingLine(line))
    print(json.dumps(report.as_dict(), indent=2) if as_json else report.text())
    if report.missing:
        raise typer.Exit(2)


def search(
    study: StudyPath,
    trials: Annotated[int | None, typer.Option(min=0, help="mixed candidates to measure in all")] = None,
    workers: Workers = None,
    seed: Annotated[int | None, typer.Option(min=0, help="seed of the sampler")] = None,
    executor: ExecutorName = None,
    ray_address: Annotated[str | None, typer.Option(help="of an existing Ray cluster, such as auto")] = None,
    tracker: Annotated[str | None, typer.Option(help="tensorboard or mlflow: log every trial there too")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print events for machines, JSON, one a line")] = False,
) -> None:
    """Run a study, or go on with it: nothing measured is measured again. Ctrl-C once finishes what runs.

    Example: hubits search studies/pocket/demo.toml --trials 24 --workers 2
    """
    from search.stages.run import search_study
    from search.views.events import emit, finished
    from search.views.table import print_front

    file = load(study, trials=trials, workers=workers, seed=seed, executor=executor, ray_address=ray_address)
    require(file)
    found, stopped = run(file, search_study, events=as_json, tracker=tracker)
    emit(finished(found, stopped)) if as_json else print_front(file, found)
    if stopped:
        print(f"stopped; `hubits search {study}` goes on from here", file=sys.stderr)


def measure(
    study: StudyPath,
    uniform: Annotated[list[str], typer.Option(help="a row such as w2a4, or w2a4+w4a8 with the rest apart")] = [],  # noqa: B006
    assignment: Annotated[list[Path], typer.Option(help="an assignment's JSON file")] = [],  # noqa: B006
    workers: Workers = None,
    executor: ExecutorName = None,
) -> None:
    """Measure your own configurations, with the study's finetune and on the same front.

    Example: hubits measure studies/pocket/demo.toml --uniform w2a8
    """
    from search.stages.run import measure_study
    from search.views.table import print_front
    from spaces import Assignment

    file = load(study, workers=workers, executor=executor)
    require(file)
    given = [file.search_space.rows.of(name, "--uniform") for name in uniform]
    given += [Assignment.load(path, file.architecture) for path in assignment]
    if not given:
        raise UserError("measure: give --uniform w2a4 or --assignment FILE")
    found, stopped = run(file, lambda file, context: measure_study(file, given, context))
    print_front(file, found)
    if stopped:
        print("stopped; the same command goes on from here", file=sys.stderr)


def refine(study: StudyPath, workers: Workers = None, executor: ExecutorName = None) -> None:
    """Give the front's members and the uniform ones a longer finetune; their own front compares like with like.

    Example: hubits refine studies/pocket/demo.toml
    """
    from search.stages.run import refine_study
    from search.views.table import print_agreement, print_front

    file = load(study, workers=workers, executor=executor)
    require(file)
    found, stopped = run(file, refine_study)
    print_front(file.at("refined"), found)
    print_agreement(file)
    if stopped:
        print(f"stopped; `hubits refine {study}` goes on from here", file=sys.stderr)


def sensitivity(
    study: StudyPath,
    wer: Annotated[bool, typer.Option("--wer", help="in WER points on the development corpus; takes longer")] = False,
    workers: Workers = None,
    executor: ExecutorName = None,
    as_json: AsJson = False,
) -> None:
    """What each choice costs on its own, from the supernet without training; the report shows it as a heat map.

    Example: hubits sensitivity studies/pocket/demo.toml
    """
    from search.stages.sensitivity import sensitivity_stage, wer_stage
    from search.views.table import print_sensitivity

    file = load(study, workers=workers, executor=executor)
    require(file)
    table, _ = run(file, wer_stage if wer else sensitivity_stage)
    if table is None:
        raise UserError(f"{study}: not all choices were measured; the same command tries again")
    unit = "WER points" if wer else "nat a frame" if file.superb is None else "relative error"
    print(json.dumps(table)) if as_json else print_sensitivity(file, table, unit)


def recipes(study: StudyPath, workers: Workers = None, executor: ExecutorName = None, as_json: AsJson = False) -> None:
    """Train the paper's recipes and ours from the float model, each at its best rate; started again, it goes on.

    Example: hubits recipes studies/pocket/recipes.toml
    """
    from search.stages.recipes import compare_recipes, compared
    from search.study.recipe_rows import trainings
    from search.views.table import print_recipes

    file = load(study, workers=workers, executor=executor)
    trainings(file)
    require(file, supernet=False)
    (results, failed), stopped = run(file, compare_recipes)
    found = compared(file, results)
    print(json.dumps(found)) if as_json else print_recipes(file, found)
    for line in failed:
        print(f"hubits: {line}", file=sys.stderr)
    if stopped:
        print(f"stopped; `hubits recipes {study}` goes on from here", file=sys.stderr)
    if failed:
        raise typer.Exit(1)
