"""Key press in the file search to the new rows painted, in the browser, at two million files.

Patterns are typed key by key in the studies view, each key after the rows of the last are painted.
The clock starts with the browser's own time stamp of the key and stops after the frame in which
the answer's rows were drawn; waiting for further keys (the bar's patience) is part of it. A second
round types while a thread of the service imports studies at full speed.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from _common import REPOSITORY, Bench
from _made_catalog import PROJECT, made_catalog

from tests.support.browser import chromium, watched_page
from tests.support.service import Service
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

TYPED = ("t1_trio*/s0*.nii", "*mask*", "META/*.json", "t1* & STAG:control")
# Notes when the rows of an answer to a filter have been painted: a task after the next frame.
PAINTED = """
(() => {
  window.__painted = {};
  window.addEventListener('keydown', (event) => { window.__key = event.timeStamp; }, true);
  const real = Response.prototype.text;
  Response.prototype.text = async function () {
    const text = await real.call(this);
    const asked = new URL(this.url).searchParams.get('files');
    if (this.url.includes('/studies?') && asked !== null) {
      requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => { window.__painted[asked] = performance.now(); };
        channel.port2.postMessage(0);
      });
    }
    return text;
  };
})();
"""


def typed_ms(page: Page, text: str) -> list[float]:
    """Milliseconds of each key of one pattern, the first of which is thrown away."""
    bar = page.locator("#file-search")
    bar.fill("")
    page.wait_for_timeout(500)
    bar.focus()
    page.evaluate("window.__painted = {}")
    found = []
    for end in range(1, len(text) + 1):
        page.keyboard.type(text[end - 1])
        asked = text[:end]
        if asked.endswith(("&", ":", " ")):  # nothing to ask yet, or the same as before
            page.wait_for_timeout(400)
            continue
        page.wait_for_function("asked => window.__painted[asked]", arg=asked, timeout=20_000)
        found.append(page.evaluate("asked => window.__painted[asked] - window.__key", asked))
    return found[1:]


def measure(page: Page, rounds: int) -> list[float]:
    """All patterns in turn."""
    return [ms for _ in range(rounds) for text in TYPED for ms in typed_ms(page, text)]


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    folder = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    data = folder / "data"
    data.mkdir()
    service = Service(data, prefix=(sys.executable, str(REPOSITORY / "bench" / "_busy.py")))
    try:
        made_catalog(data, small=bench.small)
        service.start()
        wait_until(lambda: "postings of" in service.log(), "the postings are loaded", within_s=120)
        with chromium() as browser, watched_page(browser, script=PAINTED) as watched:
            page = watched.page
            page.goto(service.login_link())
            page.wait_for_function("() => location.pathname !== '/login'")
            page.goto(f"{service.url}/?project={PROJECT}&level=studies")
            page.get_by_role("treeitem").first.wait_for()
            for state in ("quiet", "importing"):
                if state == "importing":
                    (data / "busy").touch()
                times = measure(page, 1 if bench.small else 2)
                (data / "busy").unlink(missing_ok=True)
                for name, value in (("p50", np.median(times)), ("p95", np.percentile(times, 95))):
                    bench.figure(f"table_filter_{state}_{name}", float(value), "ms", at_most=150)
    finally:
        service.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
