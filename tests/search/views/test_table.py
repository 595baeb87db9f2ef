"""The front as rows."""

from search.views.table import row, rows
from tests.search.made_up import EVERYONE, member


def test_rows_hold_the_front_and_every_uniform_member() -> None:
    beaten = member(35, 1.5, 0.3, 7, uniform=True, name="w2a2")
    lost = member(36, 1.5, 0.3, 8)
    table = rows([*EVERYONE, beaten, lost])
    assert [r["name"] for r in table] == ["m1", "w2a2", "m2", "m3", "m4"]
    assert [r["on_front"] for r in table] == [True, False, True, True, True]
    needed = {"name", "wer", "wer_low", "wer_high", "storage_mb", "runtime", "mean_bits", "uniform", "assignment"}
    assert needed <= set(row(beaten, EVERYONE))
