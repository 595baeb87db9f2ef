"""Several studies side by side."""

import json
from pathlib import Path
from typing import Annotated

import typer

from search.commands.options import AsJson


def compare(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="A B...", help="study files, STUDY.toml@refined (@supernet, @recipes), or tables of `hubits front`"
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="write figures and tables as a page here")] = None,
    as_json: AsJson = False,
) -> None:
    """Fronts of studies, seeds, fidelities or tables: hypervolumes on a common reference, coverage, what seeds attain.

    Example: hubits compare seed0.toml seed1.toml seed1.toml@refined --out compared.html
    """
    from search.front.compare import compare as compare_fronts
    from search.views.comparison.contenders import read_contenders
    from search.views.comparison.show import as_data, print_comparison, write_comparison

    found = compare_fronts(read_contenders(sources))
    if out is not None:
        write_comparison(found, out)
    print(json.dumps(as_data(found), indent=2)) if as_json else print_comparison(found)
    if out is not None and not as_json:
        print(out)
