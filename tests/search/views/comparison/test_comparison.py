"""Reading, showing and writing a comparison."""

import json
from pathlib import Path

import pytest

from search.front.compare import compare
from search.study.snapshot import write_snapshot
from search.study.tally import Tally
from search.views.comparison.contenders import read_contenders
from search.views.comparison.show import as_data, print_comparison, write_comparison
from search.views.figures.comparison import build_comparison, draw_comparison
from search.views.figures.layers import build_layers, draw_layers
from search.views.table import rows, write_csv
from spaces import UserError
from tests.search.made_up_study import made_up_study


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    """Two seeds of a study as copies beside empty databases, and a table of one of them."""
    paths = []
    for name, mixed in (("one", 10), ("two", 20)):
        file, everyone = made_up_study(tmp_path / name, mixed)
        file.folder.mkdir(parents=True)
        (file.folder / "study.db").touch()
        write_snapshot(file, everyone, Tally())
        paths.append(str(file.path))
    write_csv(rows(everyone, everyone=True), tmp_path / "table.csv")
    (tmp_path / "table.json").write_text(json.dumps(rows(everyone)))
    return [*paths, str(tmp_path / "table.csv"), str(tmp_path / "table.json")]


def test_studies_and_tables_stand_beside_one_another(sources: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = compare(read_contenders(sources))
    labels = [one.label for one in found.contenders]
    assert labels == ["tiny (1)", "tiny (2)", "table (1)", "table (2)"]
    assert found.volumes[1] == pytest.approx(found.volumes[2], rel=1e-3)
    data = as_data(found)
    assert [a["group"] for a in data["attainment"]] == ["tiny"]
    assert json.loads(json.dumps(data, allow_nan=False)) is not None
    print_comparison(found)
    shown = capsys.readouterr().out
    assert "common reference" in shown
    assert "a table does not say on what speech" in shown
    assert all(label in shown for label in labels)


def test_the_page_holds_figures_and_tables_and_needs_nothing_else(sources: list[str], tmp_path: Path) -> None:
    found = compare(read_contenders(sources[:2]))
    path = tmp_path / "out" / "compared.html"
    write_comparison(found, path)
    page = path.read_text()
    assert "tiny (1)" in page
    assert "median of 2 seeds" in page
    assert len(page) < 6e6
    data = build_comparison(found.contenders)
    layers = build_layers(found.contenders)
    assert layers is not None
    assert layers.labels == ["tiny (1)", "tiny (2)"]
    assert len(draw_layers(layers).data) == 4
    assert "rank correlation of tiny (1) and tiny (2)" in page
    names = [c[0] for c in draw_comparison(data).data[0].customdata]
    assert names == data.fronts[0].names


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["{study}"], "name at least two"),
        (["{study}@longer", "{study}"], "there is no 'longer' of a study; choose from supernet"),
        (["{study}@refined", "{study}"], "nothing measured yet"),
        (["{study}@recipes", "{study}"], "recipes"),
        (["gone.csv", "{study}"], "gone.csv: cannot be read"),
        (["{study}.csv", "{study}"], "not a table that"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_said_in_one_line(sources: list[str], wrong: list[str], said: str) -> None:
    Path(sources[0] + ".csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=said):
        read_contenders([one.replace("{study}", sources[0]) for one in wrong])
