"""The command line: which commands there are, and how a mistake ends."""

import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from search.commands import compare, launch, look, models, take_home, watch
from spaces.errors import UserError

app = typer.Typer(
    name="hubits",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_COMMANDS: dict[str, Callable[..., None]] = {
    "demo": models.demo,
    "check": launch.check,
    "search": launch.search,
    "measure": launch.measure,
    "refine": launch.refine,
    "front": look.front,
    "pick": look.pick,
    "report": look.report,
    "watch": watch.watch,
    "compare": compare.compare,
    "dashboard": watch.dashboard,
    "copy": look.copy,
    "export": take_home.export,
    "transcribe": take_home.transcribe,
    "estimate": models.estimate,
    "profile": models.profile,
    "import": models.import_model,
    "train-float": models.train_float,
    "train-supernet": models.train_supernet,
    "recipes": launch.recipes,
    "sensitivity": launch.sensitivity,
}
for name, command in _COMMANDS.items():
    app.command(name)(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            print(f"hubits {version('hubits')}")
        except PackageNotFoundError:
            print("hubits, not installed")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version and leave")
    ] = False,
    log_level: Annotated[
        str, typer.Option(help="what studies' search.log tells: debug, info, warning, error")
    ] = "info",
) -> None:
    """Find which layer of a HuBERT speech model may live on how few bits."""
    if log_level != "info":
        from search.stages.log import set_level

        set_level(log_level)


def main() -> None:
    """Run the command line; a user's mistake becomes one line and exit code 2."""
    try:
        app()
    except UserError as error:
        print(f"hubits: {error}", file=sys.stderr)
        sys.exit(2)
