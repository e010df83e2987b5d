"""Memory of the viewer's tab: twelve viewports over one, a long 4D series, 50 images one by one.

What counts is what the tab has of its own: anonymous and shared memory of its process, as
Chromium's task manager counts it; the programs that all tabs share are left out.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import Bench

from appliance.formats import write_nifti
from appliance.geometry import Volume
from tests.support.browser import chromium, watched_page
from tests.support.service import Service
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MEGABYTE = 2**20
OPEN = "([row, role, at]) => void window.__viewer.viewer.open(row, role, at)"
STEP = "() => window.__viewer.viewer.step(window.__viewer.viewer.viewports[0], 1)"
READY = """n => window.__viewer.viewer.layers.length === n
  && window.__viewer.viewer.layers.every((one) => one.status === 'ready')"""


class Watch:
    """Largest memory of the tab since the last `restart`."""

    def __init__(self) -> None:
        self.peak = 0
        self.now = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def restart(self) -> None:
        """Forget what was."""
        self.peak = 0

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            self.now = max((own_bytes(pid) for pid in renderers()), default=0)
            self.peak = max(self.peak, self.now)

    @contextmanager
    def running(self) -> Iterator[Watch]:
        """Look all the time."""
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()


def renderers() -> list[int]:
    """Processes of Chromium's tabs that this script's browser has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"--type=renderer" in line and is_ours(int(folder.name)):
            found.append(int(folder.name))
    return found


def is_ours(pid: int) -> bool:
    """Whether a process descends from this one."""
    while pid > 1 and pid != os.getpid():
        try:
            facts = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return False
        pid = int(facts.rpartition(")")[2].split()[1])
    return pid > 1


def own_bytes(pid: int) -> int:
    """Anonymous and shared memory of a process."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    wanted = ("RssAnon:", "RssShmem:")
    return sum(int(one.split()[1]) * 1024 for one in lines.splitlines() if one.startswith(wanted))


def head(n: int) -> Volume:
    """A noisy ball, int16."""
    axis = np.linspace(-1, 1, n, dtype=np.float32)
    radius = axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2
    noise = np.random.default_rng(0).integers(500, 1000, (n, n, n), dtype=np.int16)
    data = np.where(radius < 0.8, noise, 0).astype(np.int16)
    return Volume(data, np.diag([200 / n, 200 / n, 200 / n, 1.0]))


def series(path: Path, n: int, frames: int) -> int:
    """Write a series in time block by block; returns its bytes."""
    first = head(n)
    write_nifti(path, Volume(np.stack([first.data] * 2, axis=3), first.affine))
    with path.open("r+b") as out:
        out.seek(40 + 2 * 4)
        out.write(np.int16(frames).tobytes())
        out.seek(0, 2)
        for t in range(2, frames):
            out.write((first.data + np.int16(t)).tobytes(order="F"))
    return path.stat().st_size


def send(service: Service, path: Path, study: str) -> None:
    """Upload a file in pieces."""

    def pieces() -> Iterator[bytes]:
        with path.open("rb") as source:
            while block := source.read(4 * MEGABYTE):
                yield block

    answer = service.http.post(
        "/uploads",
        params={"project": "default", "filename": path.name, "subject": "BENCH", "study": study},
        content=pieces(),
        timeout=300,
    )
    answer.raise_for_status()
    service.closed(answer.json()["key"])


def show(page: Page, rows: list[Any], n_viewports: int) -> None:
    """Show an image and its overlay in so many viewports."""
    layout = {1: "free-1x1", 12: "free-3x4"}[n_viewports]
    page.evaluate("name => window.__viewer.viewer.setLayout(name)", layout)
    for at in range(n_viewports):
        for row, role in zip(rows, ("background", "overlay"), strict=True):
            page.evaluate(OPEN, [row, role, at])
    page.wait_for_function(READY, arg=len(rows), timeout=180_000)
    page.evaluate("() => window.__viewer.engine.finish()")


@contextmanager
def fresh(browser: Browser, service: Service) -> Iterator[Page]:
    """A page of its own, logged in."""
    from tests.web.pages import Desktop

    with watched_page(browser, width=1280, height=800) as watched:
        Desktop(watched.page, service).log_in()
        watched.page.wait_for_function("() => window.__viewer", timeout=60_000)
        yield watched.page


def viewports(browser: Browser, service: Service, watch: Watch, n: int, rows: list[Any]) -> int:
    """Peak of the tab while it shows the images in `n` viewports and goes through slices."""
    with fresh(browser, service) as page:
        watch.restart()
        show(page, rows, n)
        for _ in range(20):
            page.evaluate(STEP)
            page.wait_for_timeout(30)
        page.wait_for_timeout(1500)
        return watch.peak


def long_series(browser: Browser, service: Service, watch: Watch, row: Any, n: int) -> int:
    """Peak while a long series is opened and `n` of its time points are shown."""
    with fresh(browser, service) as page:
        watch.restart()
        page.evaluate(OPEN, [row, "background", 0])
        page.wait_for_function(READY, arg=1, timeout=180_000)
        for frame in range(n):
            page.evaluate(
                """async (frame) => {
                  const layer = window.__viewer.viewer.layers[0];
                  layer.frame = frame;
                  while (layer.awaits) await new Promise((done) => setTimeout(done, 10));
                  window.__viewer.engine.finish();
                }""",
                frame,
            )
        page.wait_for_timeout(500)
        return watch.peak


def one_by_one(browser: Browser, service: Service, watch: Watch, rows: list[Any]) -> list[int]:
    """Memory after each image that was opened and closed again."""
    levels = []
    with fresh(browser, service) as page:
        for i in range(50):
            page.evaluate(OPEN, [rows[i % len(rows)], "background", 0])
            page.wait_for_function(READY, arg=1, timeout=60_000)
            page.evaluate("() => window.__viewer.viewer.closeAll()")
            page.evaluate("() => window.__viewer.viewer.cache.clear()")
            if i % 10 == 9:
                page.request_gc()
                time.sleep(1)
                levels.append(watch.now)
    return levels


def prepared(bench: Bench, root: Path, service: Service) -> dict[str, Any]:
    """Rows of the files by name."""
    n, frames = (64, 60) if bench.small else (128, 358)
    side = 128 if bench.small else 256
    for name in ("base.nii", "over.nii"):
        write_nifti(root / name, head(side))
    size = series(root / "bold.nii", n, frames)
    bench.say(f"series of {size / 1e9:.2f} GB")
    service.start()
    for i, name in enumerate(("base.nii", "over.nii", "bold.nii")):
        send(service, root / name, f"2024010{i + 1}")
        (root / name).unlink()
    rows = service.items("/projects/default/files")
    wait_until(lambda: len(rows) >= 3, "three files")
    return {row["name"]: row for row in rows}


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    service = Service(root / "data")
    try:
        rows = prepared(bench, root, service)
        pair = [rows["base.nii"], rows["over.nii"]]
        with chromium() as browser, Watch().running() as watch:
            one = viewports(browser, service, watch, 1, pair)
            twelve = viewports(browser, service, watch, 12, pair)
            long = long_series(browser, service, watch, rows["bold.nii"], 40)
            levels = one_by_one(browser, service, watch, pair)
    finally:
        service.stop()
        shutil.rmtree(root, ignore_errors=True)
    unit = 1 / MEGABYTE
    bench.figure("twelve_over_one", twelve * unit, "MB", baseline=one * unit, at_most=2.0)
    bench.figure("long_series_tab", long * unit, "MB", at_most=400)
    # The tab's rubbish is collected late: what counts is that the level stops rising.
    bench.say("MB after 10, 20 ... images: " + " ".join(f"{x * unit:.0f}" for x in levels))
    bench.figure(
        "fifty_over_forty", levels[-1] * unit, "MB", baseline=levels[-2] * unit, at_most=1.1
    )


if __name__ == "__main__":
    main()
