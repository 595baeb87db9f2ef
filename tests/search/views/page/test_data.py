"""The page's data: plain JSON that says what the study says."""

import json
from pathlib import Path

import pytest
from plotly.utils import PlotlyJSONEncoder

from search.front.choice import choosable, neighbours
from search.front.pareto import front
from search.study.study_file import StudyFile
from search.study.tally import Tally
from search.views.page.data import build_page
from search.views.page.layers import build_layers, layer_bits
from search.views.page.provenance import build_provenance
from spaces import Assignment
from tests.conftest import TOML, write_study
from tests.search.made_up_study import made_up_study


def test_every_member_is_there_once_with_its_role_and_its_neighbours(tmp_path: Path) -> None:
    file, everyone = made_up_study(tmp_path)
    page = json.loads(json.dumps(build_page(file, everyone), cls=PlotlyJSONEncoder))
    members = {m["name"]: m for m in page["members"]}
    assert len(members) == len(everyone) == len(page["members"])
    on_front = set(front(everyone))
    estimates = choosable(everyone)
    assert [page["members"][i]["name"] for i in page["choosable"]] == [m.name for m in estimates]
    for one in everyone:
        shown = members[one.name]
        assert (shown["error"], shown["storage_mb"], shown["runtime"]) == one.objectives
        assert (shown["role"] in ("row", "paper")) == one.uniform
        assert (shown["role"] == "front") == (one in on_front and not one.uniform)
        assert ("estimate" in shown) == (one in estimates)
        if one in estimates:
            near = [None if shown[k] is None else page["members"][shown[k]]["name"] for k in ("down", "up")]
            assert near == [None if n is None else n.name for n in neighbours(one, estimates)]
    assert {"w2a2", "w1a1"} == {m["name"] for m in page["members"] if m["role"] == "paper"}


def test_figures_name_their_members_first(tmp_path: Path) -> None:
    file, everyone = made_up_study(tmp_path)
    names = {m.name for m in everyone}
    figures = {one["name"]: one["spec"]["data"] for one in build_page(file, everyone)["figures"]}
    assert {"storage", "runtime", "space", "parallel", "bits", "relative", "progress", "hours"} <= set(figures)
    for name in ("storage", "runtime", "space", "parallel"):
        told = {custom[0] for trace in figures[name] for custom in trace["customdata"]}
        assert told == names, name


def test_layers_stand_in_their_block_and_hold_their_bits(tmp_path: Path) -> None:
    file, _ = made_up_study(tmp_path, 0)
    layers = build_layers(file.architecture)
    assert layers["blocks"] == 2
    assert layers["columns"] == ["query", "key", "value", "out", "scores", "context", "inner", "outer"]
    places = [tuple(p) if isinstance(p, list) else p for p in layers["places"]]
    assert len(set(places)) == len(places) == len(file.architecture.layers)
    found = layer_bits(file.search_space.rows.of("w2a4"), file.architecture)
    for place, layer, w, a in zip(
        places, file.architecture.layers, found["weights"], found["activations"], strict=True
    ):
        inside = isinstance(place, tuple)
        assert layers["bits"].get(w) == (None if not layer.weights else 2 if inside else 16)
        assert layers["bits"][a] == (4 if inside else 16)
    assert {layers["bits"][c] for c in layer_bits(Assignment({}), file.architecture)["activations"]} == {16}


def test_failures_are_told_by_kind_with_what_they_mean(tmp_path: Path) -> None:
    file, _ = made_up_study(tmp_path, 0)
    told = Tally({"diverged": 3, "out_of_memory": 1}, {"diverged": "the loss is nan"}, 5, 0, {"CPU with AVX2": 7})
    found = build_provenance(file, told)
    assert [row[:2] for row in found["failures"]] == [["diverged", 3], ["out_of_memory", 1]]
    assert found["failures"][0][3] == "the loss is nan"
    assert all(row[2] for row in found["failures"])
    assert found["repeated"] == 5
    facts = dict(found["facts"])
    assert "CPU with AVX2 (7)" in facts["measured on"]
    assert "search 0" in facts["seeds"]
    assert build_provenance(file, None)["failures"] is None


@pytest.mark.parametrize("url", ["postgresql://me:secret@server/studies"])
def test_no_password_is_shown(tmp_path: Path, url: str) -> None:
    file = StudyFile.load(write_study(tmp_path, TOML + f'storage = "{url}"\n'))
    assert "secret" not in json.dumps(build_provenance(file, None))
