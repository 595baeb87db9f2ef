"""Commands about what was measured: front, pick, report, copy."""

import json
from pathlib import Path
from typing import Annotated

import typer

from search.commands.options import AsJson, Refined, StudyPath, load
from search.commands.take_home import Format, take_home
from search.front.export import export_candidate


def front(
    study: StudyPath,
    csv: Annotated[Path | None, typer.Option(help="write the table here")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="in CSV and JSON, dominated candidates as well")] = False,
    runtime: Annotated[list[str], typer.Option(help="other runtime models or profiles, as columns beside")] = [],  # noqa: B006
    refined: Refined = False,
    as_json: AsJson = False,
) -> None:
    """The Pareto front: one row a member, and the uniform rows beside it.

    Example: hubits front studies/pocket/demo.toml --csv front.csv
    """
    from search.front.runtimes import beside
    from search.study.snapshot import measured_candidates
    from search.views.table import print_agreement, print_front, rows, write_csv

    file = load(study, refined=refined)
    found = measured_candidates(file)
    others = beside(file, found, runtime)
    if csv is not None:
        write_csv(rows(found, everyone=everyone, beside=others), csv)
    if as_json:
        print(json.dumps(rows(found, everyone=everyone, beside=others), indent=2))
    elif csv is None:
        print_front(file, found, others)
        print_agreement(file)


def pick(
    study: StudyPath,
    max_storage: Annotated[float | None, typer.Option(help="MB (10^6 bytes) of the packed file")] = None,
    max_runtime: Annotated[float | None, typer.Option(help="runtime as a share of fp16")] = None,
    max_wer: Annotated[float | None, typer.Option(help="WER in percent on the development corpus")] = None,
    max_cer: Annotated[float | None, typer.Option(help="the same of a study that searches CER")] = None,
    knee: Annotated[bool, typer.Option("--knee", help="the member nearest to the ideal corner")] = False,
    export: Annotated[Path | None, typer.Option(help="write it into this folder")] = None,
    form: Format = "packed",
    runtime: Annotated[str | None, typer.Option(help="the runtime model or profile to go by; else the study's")] = None,
    refined: Refined = False,
    as_json: AsJson = False,
) -> None:
    """Pick a configuration under a budget, say why, and keep it.

    Example: hubits pick studies/pocket/demo.toml --max-storage 1.2 --export picked
    """
    from search.front.pick import Budget
    from search.front.pick import pick as pick_candidate
    from search.front.runtimes import under
    from search.study.snapshot import measured_candidates
    from search.views.explain import explained, print_pick

    file = load(study, refined=refined)
    everyone = measured_candidates(file)
    if runtime is not None:
        everyone = under(file, everyone, runtime)
    chosen = pick_candidate(everyone, Budget(max_storage, max_runtime, max_wer, max_cer), knee=knee)
    if as_json:
        if export is not None:
            export_candidate(file, chosen.candidate, export, form)
        print(json.dumps(explained(chosen, everyone), indent=2))
        return
    print_pick(file, chosen, everyone)
    if export is not None:
        take_home(file, chosen.candidate, export, form)


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
    from search.study.snapshot import measured
    from search.views.report import write_report

    file = load(study, refined=refined)
    path = out or file.folder / "report.html"
    found, told = measured(file)
    write_report(file, found, path, told)
    print(path)


def copy(
    study: StudyPath,
    target: Annotated[str, typer.Argument(metavar="URL", help="an Optuna storage URL")],
) -> None:
    """Copy a study's records to another database; `search.storage` in the study file then points there.

    Example: hubits copy studies/pocket/demo.toml postgresql+psycopg://me@server/studies
    """
    from search.study.copying import copy_study

    for name in copy_study(load(study), target):
        print(f"{name} copied; set search.storage in the study file to go on there")
