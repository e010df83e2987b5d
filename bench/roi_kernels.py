"""ROI kernels: those of the page in Chromium on 256^3, those of the service over scipy and cc3d."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from _common import CACHE, REPOSITORY, Bench, peer_python
from scipy import ndimage

from appliance.formats import write_nifti
from appliance.geometry import Volume
from appliance.imaging import (
    fill_mask_holes,
    grow_region,
    label_parts,
    morph,
    without_salt,
)
from tests.support.browser import Watched, chromium, watched_page
from tests.support.service import Service
from tests.web.pages import Desktop

PAGE = '<!doctype html><meta charset="utf-8"><title>ROI kernels</title><script type="module">'
PAGE += 'import "./main.js";</script>'
MAIN = """
import { brush } from './kernels/pens';
import { Growth } from './kernels/growing';
import { Stroke } from './stroke';
const n = Number(new URLSearchParams(location.search).get('n'));
const shape = [n, n, n];
const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
const matrix = { shape, affine, inverse: affine };
const median = (a) => a.sort((x, y) => x - y)[a.length >> 1];
window.stroke = () => {
  const data = new Uint8Array(n ** 3);
  const roi = { frameData: () => data, volume: { shape, frames: 1 }, touched() {} };
  const stroke = new Stroke(roi, 0, true, 'overlap', []);
  const times = [];
  for (let i = 0; i < 200; i++) {
    const t = performance.now();
    const at = (s) => n / 2 + Math.round(n / 4 * Math.cos(s / 20));
    const pen = { shape: 'sphere', centre: [at(i), at(i + 31), n / 2], from:
      [at(i - 1), at(i + 30), n / 2], normal: [0, 0, 1], radiusMm: 20, halfMm: 20, direction: 0 };
    stroke.draw(brush(matrix, pen));
    times.push(performance.now() - t);
  }
  const t = performance.now();
  window.step = stroke.finish('');
  return [median(times), performance.now() - t];
};
window.grow = (voxels) => {
  const values = new Int16Array(n ** 3).fill(1000);
  const r = Math.cbrt(voxels) / 2;
  const lo = Math.floor(n / 2 - r), hi = Math.ceil(n / 2 + r);
  for (let z = lo; z < hi; z++)
    for (let y = lo; y < hi; y++)
      for (let x = lo; x < hi; x++) values[(z * n + y) * n + x] = (x * 7 + y * 3 + z) % 50;
  const source = { values, shape, slope: 1, inter: 0, low: 0, high: 1000 };
  const times = [];
  for (let i = 0; i < 5; i++) {
    const t = performance.now();
    const m = n / 2;
    const growth = new Growth(source, (m * n + m) * n + m);
    window.grown = growth.reach(0.1);
    times.push(performance.now() - t);
  }
  return median(times);
};
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
window.ask = (message) => new Promise((done) => {
  worker.onmessage = ({ data }) => done(data);
  worker.postMessage({ n, ...message });
});
window.ready = true;
"""
WORKER = """
import { edited } from './jobs';
const median = (a) => a.sort((x, y) => x - y)[a.length >> 1];
let kept;
onmessage = ({ data: { n, edit } }) => {
  if (!kept) {
    kept = new Uint8Array(n ** 3);
    const m = n / 2;
    for (let z = 0, i = 0; z < n; z++)
      for (let y = 0; y < n; y++)
        for (let x = 0; x < n; x++, i++) {
          const r = Math.hypot(x - m, y - m, z - m);
          kept[i] = Number(r < 0.48 * n && (x * 31 + y * 17 + z * 7) % 97 > 2);
        }
  }
  const times = [];
  for (let i = 0; i < 5; i++) {
    const t = performance.now();
    edited(kept, [n, n, n], edit);
    times.push(performance.now() - t);
  }
  postMessage(median(times));
};
"""
# Volumes of this computer, each another file, drawn and closed again.
OPEN_AND_CLOSE = """async ([n, times]) => {
  const { viewer } = window.__viewer;
  const header = new DataView(new ArrayBuffer(352));
  header.setInt32(0, 348, true);
  [3, n, n, n, 1, 1, 1, 1].forEach((v, i) => header.setInt16(40 + 2 * i, v, true));
  header.setInt16(70, 4, true);
  header.setInt16(72, 16, true);
  [1, 1, 1, 1].forEach((v, i) => header.setFloat32(76 + 4 * i, v, true));
  header.setFloat32(108, 352, true);
  header.setInt16(254, 1, true);
  [0, 1, 2].forEach((r) => header.setFloat32(280 + 20 * r, 1, true));
  new Uint8Array(header.buffer).set([0x6e, 0x2b, 0x31, 0], 344);
  for (let i = 0; i < times; i++) {
    const voxels = Int16Array.from({ length: n ** 3 }, (_, v) => (v * (i + 3)) % 1000);
    const name = `made_${performance.now()}_${i}.nii`;
    const layer = await viewer.openLocal(new File([header.buffer, voxels], name), 'background');
    if (layer.status !== 'ready') throw new Error(`${name}: ${layer.status}`);
    await window.__viewer.firstSlice(name);
    viewer.closeAll();
    await new Promise((done) => requestAnimationFrame(done));
  }
}"""
PEER = """
import sys, time, numpy as np, cc3d
mask = np.load(sys.argv[1])
cc3d.connected_components(mask, connectivity=6)
best = 9e9
for _ in range(3):
    start = time.perf_counter()
    cc3d.connected_components(mask, connectivity=6)
    best = min(best, time.perf_counter() - start)
print(best * 1000)
"""


def best_ms(work: Callable[[], object], rounds: int = 3) -> float:
    """Shortest of some rounds, in ms."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def server(bench: Bench, n: int) -> None:
    """Kernels of the service over scipy and cc3d on the same mask."""
    noise = np.random.default_rng(0).normal(size=(n, n, n)).astype(np.float32)
    mask = ndimage.gaussian_filter(noise, 4) > 0
    values = ndimage.gaussian_filter(noise, 6)
    values = values / np.abs(values).max()
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "erode": (lambda: morph(mask, "erode"), lambda: ndimage.binary_erosion(mask)),
        "dilate": (lambda: morph(mask, "dilate"), lambda: ndimage.binary_dilation(mask)),
        "close": (lambda: morph(mask, "close"), lambda: ndimage.binary_closing(mask)),
        "fill": (lambda: fill_mask_holes(mask), lambda: ndimage.binary_fill_holes(mask)),
        "salt": (lambda: without_salt(mask, 100), lambda: _salt(mask, 100)),
        "grow": (
            lambda: grow_region(values, (n // 2,) * 3, (-1.0, 1.0), 0.2),
            lambda: _grown(values, (n // 2,) * 3, 0.4),
        ),
    }
    for name, (ours, theirs) in pairs.items():
        ours()  # compiled on first use
        baseline = best_ms(theirs, 1 if bench.small else 2)
        bench.figure(f"{name} over scipy", baseline / best_ms(ours), "times", at_least=20)
    label_parts(mask)
    bench.figure(
        "label", best_ms(lambda: label_parts(mask)), "ms", baseline=cc3d_ms(mask), at_most=2
    )


def _salt(mask: Any, threshold: int) -> Any:
    labels, _ = ndimage.label(mask)
    return (np.bincount(labels.ravel()) > threshold)[labels] & mask


def _grown(values: Any, seed: tuple[int, ...], reach: float) -> Any:
    labels, _ = ndimage.label(np.abs(values - values[seed]) <= reach)
    return labels == labels[seed]


def cc3d_ms(mask: Any) -> float:
    """The same mask labelled by cc3d in an environment of its own."""
    python = peer_python("cc3d", ["connected-components-3d", "numpy"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.npy"
        np.save(path, mask)
        command = [str(python), "-c", PEER, str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def built() -> Path:
    """A page with the kernels alone, bundled anew."""
    from first_slice import node

    folder = CACHE / "bench-roi"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    source = REPOSITORY / "webui" / "src"
    shutil.copytree(source / "tools" / "roi" / "kernels", folder / "src" / "a" / "b" / "kernels")
    for name, text in (("main.js", MAIN), ("worker.js", WORKER)):
        (folder / "src" / "a" / "b" / name).write_text(text, encoding="utf-8")
    for name in ("jobs.ts", "stroke.ts"):
        shutil.copy(source / "tools" / "roi" / name, folder / "src" / "a" / "b")
    (folder / "src" / "viewer").mkdir()
    shutil.copy(source / "viewer" / "linalg.ts", folder / "src" / "viewer")
    (folder / "index.html").write_text(PAGE.replace("./main.js", "/src/a/b/main.js"), "utf-8")
    (folder / "node_modules").symlink_to(REPOSITORY / "webui" / "node_modules")
    vite = [str(folder / "node_modules" / "vite" / "bin" / "vite.js"), "build", "--base", "./"]
    command = [*node(), *vite, "--target", "esnext", "--logLevel", "error"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "dist"


class _Quiet(SimpleHTTPRequestHandler):
    """A static server that logs nothing."""

    def log_message(self, *_args: Any) -> None:
        return


@contextmanager
def static(folder: Path) -> Iterator[str]:
    """Serve a folder; yields the origin."""
    handler = functools.partial(_Quiet, directory=str(folder))
    running = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_address[1]}"
    finally:
        running.shutdown()


def page(bench: Bench, n: int) -> None:
    """Kernels of the page in Chromium, morphology in a worker."""
    edits: dict[str, dict[str, Any]] = {
        **{op: {"op": op, "steps": 1} for op in ("erode", "dilate", "open", "close")},
        "fill": {"op": "fill"},
        "salt": {"op": "salt", "threshold": 100},
        "smooth": {"op": "smooth", "radius": [1, 1, 1]},
    }
    grown = 1_000_000 if n >= 256 else 100_000
    with chromium() as browser, static(built()) as origin, watched_page(browser) as watched:
        watched.page.goto(f"{origin}/index.html?n={n}")
        watched.page.wait_for_function("() => window.ready")
        move, end = watched.page.evaluate("window.stroke()")
        bench.figure("stroke, median move", float(move), "ms", at_most=8)
        bench.figure("stroke, step of undo", float(end), "ms")
        growing = float(watched.page.evaluate(f"window.grow({grown})"))
        bench.figure(f"grow {grown:,} voxels", growing, "ms", at_most=150)
        for name, edit in edits.items():
            took = float(watched.page.evaluate("edit => window.ask({ edit })", edit))
            goal = 100 if name in {"erode", "dilate", "open", "close"} else None
            bench.figure(f"{name} in the worker", took, "ms", at_most=goal)


def held_mb(watched: Watched) -> float:
    """What the page keeps after everything unused has been collected, typed arrays included."""
    session = watched.page.context.new_cdp_session(watched.page)
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
        watched.page.wait_for_timeout(200)
    told = session.send("Runtime.getHeapUsage")
    session.detach()
    parts = ("usedSize", "embedderHeapUsedSize", "backingStorageSize")
    return float(sum(told.get(part, 0) for part in parts) / 2**20)


def leaks(bench: Bench) -> None:
    """Open and close many volumes: what is kept afterwards over what was kept after the first."""
    n = 64 if bench.small else 128
    times = 10 if bench.small else 50
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder)) as service,
        chromium() as browser,
        watched_page(browser) as watched,
    ):
        Desktop(watched.page, service).log_in()
        watched.page.wait_for_function("() => window.__viewer")
        watched.page.evaluate(OPEN_AND_CLOSE, [n, 2])
        start = held_mb(watched)
        watched.page.evaluate(OPEN_AND_CLOSE, [n, times])
        end = held_mb(watched)
    bench.figure(f"held after {times} volumes", end, "MB", baseline=start, at_most=1.1)


@contextmanager
def running(folder: Path) -> Iterator[Service]:
    """A service with one small image."""
    service = Service(folder / "data").start()
    try:
        write_nifti(folder / "one.nii", Volume(np.ones((4, 4, 4), np.uint8), np.eye(4)))
        body = (folder / "one.nii").read_bytes()
        service.closed(service.upload("one.nii", body, subject="S-1", study="1")["key"])
        yield service
    finally:
        service.stop()


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    n = 96 if bench.small else 256
    page(bench, n)
    leaks(bench)
    server(bench, n)


if __name__ == "__main__":
    main()
