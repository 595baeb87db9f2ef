"""The notebook runs from its first cell to its last, on a tiny study in the place of the demo."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from search.stages.run import search_study
from search.stages.stage import run_stage
from search.study.study_file import StudyFile
from tests.conftest import write_study

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "studies" / "pocket" / "pareto.ipynb"


@pytest.mark.slow
def test_the_notebook_goes_from_a_study_to_a_figure_and_a_pick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_study(tmp_path)
    path = path.rename(path.with_name("demo.toml"))
    run_stage(StudyFile.load(path).with_search({"trials": 2}), search_study, lambda _: None)
    shutil.copy(NOTEBOOK, tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(tmp_path / NOTEBOOK.name, as_version=4)
    NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
    shown = [kind for out in outputs for kind in out.get("data", {})]
    assert sum("plotly" in kind for kind in shown) == 2
    assert any("binds:" in out.get("text", "") for out in outputs)


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.outputs for cell in notebook.cells if cell.cell_type == "code")
