"""Scrolling a long table in the browser: work of the main thread per frame, and the way to its end.

Fifty thousand studies in the studies view, three rows further with every frame, first while pages
still come in, then over rows that are there. Work is processor time of what the browser counts as
tasks (script, style, layout, paint); a screen of 60 Hz leaves 16.7 ms.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from _common import Bench
from _made_catalog import PROJECT, made_catalog

from tests.support.browser import chromium, watched_page
from tests.support.service import Service
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

FRAME_MS = 16.7
SCROLL = """async (frames) => {
  const tree = document.querySelector('[role=tree]');
  tree.scrollTop = 0;
  for (let n = 0; n < frames; n++) {
    tree.scrollTop += 90;
    await new Promise((drawn) => requestAnimationFrame(drawn));
  }
}"""
ARRIVED = """() => {
  const rows = [...document.querySelectorAll('[role=treeitem]')];
  return rows.length > 5 && rows.every((row) => !row.querySelector('.waiting'));
}"""


def work_ms(page: Page, cdp: CDPSession, frames: int) -> float:
    """Milliseconds of main thread per frame."""

    def busy() -> float:
        metrics = cdp.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

    before = busy()
    page.evaluate(SCROLL, frames)
    return 1000 * (busy() - before) / frames


def end_ms(page: Page) -> float:
    """From the key End to the last rows on the screen."""
    page.get_by_role("tree").focus()
    page.keyboard.press("Home")
    start = page.evaluate("performance.now()")
    page.keyboard.press("End")
    page.wait_for_function("() => document.querySelector('[role=tree]').scrollTop > 3000")
    page.wait_for_function(ARRIVED, polling="raf")
    return float(page.evaluate("performance.now()")) - float(start)


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    folder = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    service = Service(folder)
    frames = 60 if bench.small else 300
    try:
        made_catalog(folder, small=bench.small)
        service.start()
        wait_until(lambda: "postings of" in service.log(), "the postings are loaded", within_s=120)
        with chromium() as browser, watched_page(browser) as watched:
            page = watched.page
            page.goto(service.login_link())
            page.wait_for_function("() => location.pathname !== '/login'")
            page.goto(f"{service.url}/?project={PROJECT}&level=studies")
            page.get_by_role("treeitem").first.wait_for()
            cdp = page.context.new_cdp_session(page)
            cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
            bench.figure("table_end", end_ms(page), "ms", at_most=1000)
            for state in ("reading", "read"):
                value = work_ms(page, cdp, frames)
                bench.figure(f"table_scroll_{state}", value, "ms", at_most=FRAME_MS)
    finally:
        service.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
