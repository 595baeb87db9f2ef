"""Pages in headless Chromium.

python -m tests.browser report.html picture.png "storage_mb=1.3&runtime=0.35"
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 120_000  # milliseconds: a busy machine is slow, not wrong
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt install chromium)")


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS], timeout=PATIENCE)
        yield browser
        browser.close()


def opened(browser: Browser, address: str, *, width: int = 1280, dark: bool = False) -> tuple[Page, list[str]]:
    """A page, and what its console says from now on."""
    context = browser.new_context(
        viewport={"width": width, "height": 844 if width < 600 else 900}, color_scheme="dark" if dark else "light",
        has_touch=width < 600,
    )  # fmt: skip
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    page.wait_for_selector("#selected")
    return page, said


def look_through(page: Page) -> None:
    """Scroll from top to bottom, so that every figure is drawn."""
    names = page.evaluate("hubits.page.figures.map((one) => one.name).filter((name) => name !== 'space')")
    for name in names:
        page.locator(f"#figure-{name}").scroll_into_view_if_needed()
        page.wait_for_selector(f"#figure-{name} .main-svg", state="attached")
    page.evaluate("scrollTo(0, 0)")


if __name__ == "__main__":
    report, picture, *budget = sys.argv[1:]
    with chromium() as browser:
        page, _ = opened(browser, f"{Path(report).resolve().as_uri()}#{''.join(budget)}")
        page.wait_for_selector("#figure-runtime .main-svg")
        page.screenshot(path=picture)
