"""What a terminal shows of a search, and what anything else gets."""

import io
import json

import pytest
from rich.console import Console

from search.stages.chronicle import Busy, Told
from search.stages.stage import Progress
from search.views.events import SearchEvents, finished
from search.views.panel import small_front
from search.views.screen import CountLine, SearchLine, StatusLine
from search.views.words import brought, duration
from tests.search.made_up import EVERYONE

TOLD = [
    Told(1, "w2a2", (20.0, 2.0, 0.3), 0.05, on_front=True),
    Told(2, "mixed-abcdef", (30.0, 3.0, 0.6)),
    Told(3, "mixed-123456", None, failure="diverged", message="the loss is nan"),
]
PROGRESS = Progress(
    10, done=2, running=1, failed=1, volume=0.5, gain=0.1, seconds=[2.0, 2.0], repeated=4,
    busy=[Busy(4, "mixed-fedcba", 65.0)], told=TOLD,
    front=[(20.0, 2.0, 0.3)], rows=[(20.0, 2.0, 0.3), (30.0, 1.0, 0.2)],
)  # fmt: skip


def test_a_terminal_shows_workers_what_came_and_a_small_front() -> None:
    out = io.StringIO()
    with StatusLine(Console(file=out, force_terminal=True, width=160)) as line:
        SearchLine(line)(PROGRESS)
    shown = out.getvalue()
    for expected in (
        "2/10 done  1 running  1 failed  4 repeats saved", "hypervolume 0.5000, 10.0 % over the rows", "left",
        "mixed-fedcba", "1:05", "joins the front, hypervolume +0.0500", "failed: diverged", "●", "◇",
    ):  # fmt: skip
        assert expected in shown
    assert not any("━" in line and "trial" in line for line in shown.splitlines())


def test_elsewhere_there_are_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with StatusLine(Console(file=io.StringIO(), force_terminal=False)) as line:
        search_line = SearchLine(line)
        search_line(PROGRESS)
        search_line(Progress(10, done=10))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("search  2/10 done")
    assert "10/10 done" in lines[1]
    assert not any("●" in one or "mixed" in one for one in lines)


def test_what_is_counted_tells_no_time_before_two_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    with StatusLine(Console(file=io.StringIO(), force_terminal=False)) as line:
        count = CountLine(line, "layers timed")
        count(1, 9)  # the loading of models is no part of the others' time
        count(9, 9)
    assert capsys.readouterr().err.splitlines() == ["layers timed  1/9", "layers timed  9/9  about 0:00 left"]


def test_machines_get_one_event_a_line_and_none_twice(capsys: pytest.CaptureFixture[str]) -> None:
    events = SearchEvents("wer")
    events(PROGRESS)
    events(PROGRESS)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["event"] for one in found] == ["measured", "measured", "failed", "progress"]
    assert (found[0]["name"], found[0]["wer"], found[0]["hypervolume_growth"]) == ("w2a2", 20.0, 0.05)
    assert found[2]["kind"] == "diverged"
    assert found[3]["under_way"] == ["mixed-fedcba"]
    last = finished(EVERYONE, stopped=False)
    assert (last["event"], last["measured"], last["front"]) == ("finished", 4, ["m1", "m2", "m3", "m4"])


def test_the_small_front_puts_the_lowest_wer_at_the_bottom_and_the_smallest_file_left() -> None:
    lines = small_front([(5.0, 4.0, 0.5), (20.0, 1.0, 0.5)], [(40.0, 4.0, 0.9)], width=11, height=5)
    assert lines[0] == "40.0 % │          ◇"
    assert lines[4].endswith("●")
    assert lines[4].startswith(" 5.0 %")
    assert [line.index("●") for line in lines if "●" in line] == [8, 18]
    assert lines[-1].split() == ["1", "MB", "4", "MB"]
    assert small_front([(0.0, 1.0, 0.5)], [])[0].count("●") == 1


@pytest.mark.parametrize(
    ("told", "text"),
    [(TOLD[0], "joins the front, hypervolume +0.0500"), (TOLD[1], "dominated"), (TOLD[2], "failed: diverged")],
)
def test_what_a_trial_brought_is_not_its_wer(told: Told, text: str) -> None:
    assert brought(told) == text


def test_durations() -> None:
    assert (duration(125), duration(3725)) == ("2:05", "1:02:05")
