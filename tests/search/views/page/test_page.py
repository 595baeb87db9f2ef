"""The page in a browser: what it picks, what it links, how it looks."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from search.front.choice import choosable
from search.front.pick import Budget, pick
from search.study.candidate import Candidate
from search.study.tally import Tally
from search.views.report import write_report
from spaces import UserError
from tests.browser import chromium, look_through, needs_chromium, opened
from tests.search.made_up_study import made_up_study

pytestmark = needs_chromium
SCREENSHOTS = Path(__file__).parents[4] / "build" / "screenshots"
KEYS = ("storage_mb", "runtime", "error")
TOLD = Tally({"diverged": 2}, {"diverged": "the loss is nan"}, 3)


class Made(NamedTuple):
    """A report as a file, and the candidates in it by name."""

    address: str
    everyone: list[Candidate]
    named: dict[str, Candidate]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def _written(folder: Path, mixed: int) -> Made:
    file, everyone = made_up_study(folder, mixed)
    path = folder / "report.html"
    write_report(file, everyone, path, TOLD)
    return Made(path.as_uri(), everyone, {m.name: m for m in everyone})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return _written(tmp_path_factory.mktemp("report"), 40)


@pytest.fixture
def page(browser: Browser, made: Made) -> Iterator[Page]:
    page, said = opened(browser, made.address)
    page.wait_for_selector("#figure-storage .main-svg")
    yield page
    assert not said
    page.context.close()


def _budgets(everyone: list[Candidate], count: int) -> Iterator[dict[str, float]]:
    """Limits at, just below and just above what members have, and any between, some of them with no limit."""
    rng = np.random.default_rng(0)
    members = list(choosable(everyone))
    for _ in range(count):
        limits = {}
        for key in KEYS:
            value = getattr(members[rng.integers(len(members))], key)
            kind = rng.integers(4)
            if kind < 3:
                factor = float((1.0, math.nextafter(1.0, 2.0), rng.uniform(0.7, 1.5))[kind])
                limits[key] = float(value) * factor
        yield limits


def test_it_picks_what_pick_gives(page: Page, made: Made) -> None:
    budgets = [(limits, i % 3 == 0) for i, limits in enumerate(_budgets(made.everyone, 400))]
    told = page.evaluate(
        "(budgets) => budgets.map(([limits, knee]) => { const found = hubits.pick(limits, knee);"
        "return { ...found, name: found.index === null ? null : hubits.page.members[found.index].name } })",
        budgets,
    )
    missed = 0
    for (limits, knee), found in zip(budgets, told, strict=True):
        budget = Budget(limits.get("storage_mb"), limits.get("runtime"), limits.get("error"))
        if found["index"] is None:
            missed += 1
            with pytest.raises(UserError, match=f"^{re.escape(found['missed'])}$"):
                pick(made.everyone, budget, knee=knee)
            continue
        own = pick(made.everyone, budget, knee=knee)
        assert found["name"] == own.candidate.name, limits
        assert tuple(found["binding"]) == own.binding, limits
        assert found["reason"] == own.reason
        assert tuple(found["warnings"]) == own.warnings
    assert 0 < missed < len(budgets) / 2


def _budget_of(page: Page) -> Budget:
    values = [page.locator(f"#limit-{key}").input_value() for key in KEYS]
    return Budget(*(float(v) if v else None for v in values))


@pytest.mark.parametrize("key", KEYS)
def test_a_slider_selects_what_its_budget_gives(page: Page, made: Made, key: str) -> None:
    slider = page.locator(f"#slider-{key}")
    for stop in range(0, int(slider.get_attribute("max") or 0), 3):
        slider.fill(str(stop))
        own = pick(made.everyone, _budget_of(page)).candidate
        assert page.locator("#picked").inner_text() == own.name
        assert page.locator("#selected").inner_text().startswith(own.name)
        assert getattr(own, key) <= float(page.locator(f"#limit-{key}").input_value())
    slider.fill(slider.get_attribute("max") or "")
    assert _budget_of(page) == Budget()


def test_it_says_which_budget_binds_and_how_to_get_the_same_elsewhere(page: Page, made: Made) -> None:
    small = sorted(choosable(made.everyone), key=lambda m: m.storage_mb)[3]
    page.fill("#limit-storage_mb", f"{small.storage_mb:.6f}")
    own = pick(made.everyone, Budget(max_storage=float(f"{small.storage_mb:.6f}")))
    assert own.binding == ("storage_mb",)
    assert page.locator(".binds").all_inner_texts() == [" · binds"]
    commands = page.locator("#pick code").all_inner_texts()
    assert commands[0].startswith("hubits pick tiny.toml --max-storage ")
    assert commands[1].startswith('hubits.open_study("tiny.toml").pick(max_storage=')
    steps = " ".join(page.locator(".steps").all_inner_texts())
    for near in (own.down, own.up):
        assert near is None or near.name in steps
    if own.up is not None:
        page.locator(".steps button").first.click()
        assert page.locator("#selected").inner_text().startswith(own.up.name)
        assert page.locator("#picked").inner_text() == own.candidate.name
    page.fill("#limit-storage_mb", "1e-9")
    assert "raise the budget" in page.locator("#missed").inner_text()


def _marked(page: Page, figure: str) -> Any:
    return page.evaluate(
        f"(([x, y]) => [x[0], y[0]])((d => [d.x, d.y])(document.getElementById('figure-{figure}').data.at(-1)))"
    )


def test_a_point_under_the_pointer_is_shown_everywhere(page: Page, made: Made) -> None:
    point = page.locator("#figure-storage .trace .points path").last
    point.hover(force=True)
    page.wait_for_selector("#figure-storage .hoverlayer .hovertext")
    name = page.locator("#selected").evaluate("(e) => e.firstChild.textContent")
    own = made.named[name]
    assert _marked(page, "runtime") == pytest.approx([own.runtime, own.error])
    assert page.locator("tr.shown td").first.inner_text() == name
    cells = page.locator("#member table.bits").first.locator("tbody td").all_inner_texts()
    first = own.assignment["block0.attention.q_proj"].weight.bits
    assert float(cells[0]) == first


def test_the_row_of_any_point_is_brought_into_the_tables_view(page: Page, made: Made) -> None:
    last = page.locator("#table tbody tr").last
    name = last.locator("td").first.inner_text()
    page.evaluate(
        "(name) => document.getElementById('figure-storage').emit('plotly_click', {points: [{customdata: [name]}]})",
        name,
    )
    assert page.locator("tr.shown td").first.inner_text().endswith(name)
    box, row = page.locator("#table").bounding_box(), last.bounding_box()
    assert box is not None
    assert row is not None
    assert box["y"] <= row["y"] <= box["y"] + box["height"]
    assert page.evaluate("scrollY") == 0


def test_a_tap_selects(browser: Browser, made: Made) -> None:
    page, said = opened(browser, made.address, width=390)
    place = page.locator("#figure-storage")
    place.scroll_into_view_if_needed()
    page.wait_for_selector("#figure-storage .main-svg")
    target = next(m for m in made.everyone if m.name == "w1a1")
    at = page.evaluate(
        "(name) => { const d = document.getElementById('figure-storage'), t = d.data.find((t) => t.meta === 'paper'),"
        "i = t.customdata.findIndex((c) => c[0] === name), r = d.getBoundingClientRect(), l = d._fullLayout;"
        "return [r.left + l.xaxis._offset + l.xaxis.d2p(t.x[i]), r.top + l.yaxis._offset + l.yaxis.d2p(t.y[i])] }",
        target.name,
    )
    page.touchscreen.tap(*at)
    page.wait_for_function("document.getElementById('selected').textContent.startsWith('w1a1')")
    assert not said
    page.context.close()


def test_a_row_is_shown_in_the_figures_and_stays_once_it_is_tapped(page: Page, made: Made) -> None:
    row = page.locator("#table tbody tr").nth(4)
    name = row.locator("td").first.inner_text()
    row.click()
    page.mouse.move(5, 5)
    assert page.locator("#selected").inner_text().startswith(name)
    own = made.named[name]
    assert _marked(page, "storage") == pytest.approx([own.storage_mb, own.error])
    page.keyboard.press("ArrowDown")
    assert not page.locator("#selected").inner_text().startswith(name)
    page.keyboard.press("ArrowUp")
    assert page.locator("#selected").inner_text().startswith(name)
    assert f"member={name.replace('+', '%2B')}" in page.url


def test_the_table_is_sorted_by_a_heading_and_filtered_by_text(page: Page, made: Made) -> None:
    assert page.locator("#table tbody tr").count() == len(made.everyone)
    page.uncheck("#dominated")
    kinds = page.evaluate("hubits.page.members.map((m) => m.role)")
    assert page.locator("#table tbody tr").count() == sum(kind not in ("dominated", "tied") for kind in kinds)
    assert page.locator("#table tbody tr").count() < len(made.everyone)
    for sign in (1, -1):
        page.locator("th[data-key=error] button").click()
        shown = [float(t) for t in page.locator("#table tbody tr td:nth-child(3)").all_inner_texts()]
        assert shown == sorted(shown, reverse=sign < 0)
    assert page.locator("th[data-key=error]").get_attribute("aria-sort") == "descending"
    page.fill("#filter", "paper w1a1")
    names = page.locator("#table tbody tr td:first-child").all_inner_texts()
    assert any("w1a1" in n for n in names)
    assert len(names) < len(made.everyone)
    page.fill("#filter", "no such thing")
    assert page.locator("#table tbody tr").count() == 0


def test_what_is_drawn_can_be_left_out(page: Page) -> None:
    button = page.get_by_role("button", name="measured, dominated")
    button.click()
    visible = "document.getElementById('figure-storage').data.find((t) => t.meta === 'dominated').visible"
    assert page.evaluate(visible) is False
    button.click()
    assert page.evaluate(visible) is True


def test_it_prints_in_light_with_every_figure(page: Page) -> None:
    page.locator("#theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    for name in page.evaluate("hubits.page.figures.map((one) => one.name).filter((name) => name !== 'space')"):
        page.wait_for_selector(f"#figure-{name} .main-svg", state="attached")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_three_dimensions_are_drawn_for_those_who_ask(browser: Browser, made: Made) -> None:
    page, _ = opened(browser, made.address)  # a driver without a GPU grumbles
    page.locator("#figure-space button").click()
    place = "document.querySelector('#figure-space')"
    page.wait_for_function(f"{place}.querySelector('canvas') || /WebGL/.test({place}.textContent)")
    page.context.close()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_and_says_nothing_in_light_and_dark(browser: Browser, made: Made, width: int, dark: bool) -> None:
    page, said = opened(browser, made.address, width=width, dark=dark)
    look_through(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    ink = page.evaluate("getComputedStyle(document.querySelector('#figure-storage .xtick text')).fill")
    bright = sum(int(v) for v in ink.removeprefix("rgb(").removesuffix(")").split(",")) > 384
    assert bright == dark
    assert not said
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"report-{width}-{'dark' if dark else 'light'}.png", full_page=True)
    page.context.close()


@pytest.mark.slow
def test_it_opens_with_five_hundred_members(browser: Browser, tmp_path: Path) -> None:
    big = _written(tmp_path, 500)
    page, said = opened(browser, big.address)
    assert page.locator("#table tbody tr").count() == len(big.everyone) > 500
    look_through(page)
    assert not said
    page.context.close()
