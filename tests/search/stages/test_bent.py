"""Rows whose rest of the model is bent where the sensitivities say so."""

from search.front.promote import by_promise, promoted
from search.stages.bent import bent_rows
from search.study.candidate import Candidate
from search.study.records import costs
from search.study.study_file import StudyFile
from tests.benchmarks.grid import FIRST, STUDY, told_rows
from tests.search.made_up import member

FILE = StudyFile.load(STUDY)
LOST = {f"{FIRST}.a": 1.0, "projection.a": 0.3}  # at the lowest rung
TABLE = {name: [LOST.get(name, 1e-6), *[0.0] * (rungs - 1)] for name, rungs in FILE.search_space.variables.items()}


def scored(wers: dict[str, float]) -> list[Candidate]:
    """Rows of the grid with their true costs."""
    rows = {name: FILE.search_space.rows.of(name) for name in wers}
    return [
        member(
            wers[name],
            *costs(FILE, row),
            number=i,
            assignment=row,
            uniform=True,
            baseline=name in ("fp16", "w1a1+w4a4"),
        )
        for i, (name, row) in enumerate(rows.items())
    ]


ROWS = scored({"fp16": 4.0, "w1a1+w4a4": 70.0, "w2a2+w4a4": 20.0, "w2a2+w4a8": 8.0, "w2a4+w4a8": 5.0})


def test_what_stands_out_is_raised_alone_and_with_the_next() -> None:
    found = bent_rows(FILE, TABLE, ROWS, 99)
    assert len(found) == 2 * 4  # four different blocks
    assert {tuple(str(one[name]) for name in (FIRST, "projection", "position")) for one in found} == {
        ("w4a8", "w4a4", "w4a4"), ("w4a8", "w4a8", "w4a4"),
    }  # fmt: skip
    assert set(found) & set(told_rows(FILE).values())  # nobody had to tell


def test_noise_near_the_top_does_not_hide_what_stands_out() -> None:
    noisy = TABLE | {f"{FIRST}.a": [0.26, 0.0014, 0.0], "front_end.conv4.a": [-0.002, 0.0019, 0.0]}
    quiet = {name: [0.0] * len(losses) for name, losses in TABLE.items()}
    found = bent_rows(FILE, quiet | {n: noisy[n] for n in (f"{FIRST}.a", "front_end.conv4.a")}, ROWS, 99)
    assert found
    assert {(str(one[FIRST]), str(one["front_end.conv4"])) for one in found} == {("w4a8", "w4a4")}
    assert bent_rows(FILE, quiet, ROWS, 99) == []  # nothing stands out


def test_the_best_blocks_come_first_and_no_more_than_asked_for() -> None:
    found = bent_rows(FILE, TABLE, ROWS, 4)
    assert len(found) == 4
    best = by_promise(ROWS)[0].assignment["block0.attention.q_proj"]
    assert {one["block0.attention.q_proj"] for one in found[:2]} == {best}
    assert bent_rows(FILE, TABLE, ROWS, 0) == []
    assert bent_rows(FILE, None, ROWS, 4) == []


def test_a_bent_row_takes_the_place_of_a_row_that_it_beats() -> None:
    bent = FILE.search_space.decode({**FILE.search_space.encode(ROWS[2].assignment), f"{FIRST}.a": 1})
    better = member(7.0, *costs(FILE, bent), number=9, assignment=bent)
    given = promoted([*ROWS, better], 12, {bent})
    assert bent in given
    assert ROWS[3].assignment not in given  # w2a2+w4a8 costs more and errs more
    assert ROWS[3].assignment in promoted(ROWS, 12)
