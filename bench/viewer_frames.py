"""Frames of four linked viewports with two overlays and a ROI, over empty frames and NiiVue.

While something moves, a device without graphics hardware shows coarser pictures: `moving_pixel`
says how coarse those were, and "sharp" is a frame in full, as it is shown when all is still.
Images have 160^3 voxels: four NiiVues take minutes to open four of 256^3 in software, and half a
minute for each change of the window. Every kind of change is measured for some time at most, so
that few of their slowest are seen; it says how many.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import CACHE, REPOSITORY, Bench
from first_slice import node, static

from appliance.formats import write_nifti
from appliance.geometry import Volume
from tests.support.browser import chromium, watched_page
from tests.support.service import Service

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SIDE = 800
PEER_HTML = """<!doctype html><meta charset="utf-8"><title>Four NiiVues</title>
<style>html,body{margin:0;background:#000}canvas{width:400px;height:400px;float:left}
body{width:800px}</style><canvas></canvas><canvas></canvas><canvas></canvas><canvas></canvas>
<script type="module" src="./main.js"></script>
"""
PEER_JS = """
import NiiVue from '@niivue/niivue/webgl2';
window.load = async (urls) => {
  window.all = [];
  for (const [i, canvas] of [...document.querySelectorAll('canvas')].entries()) {
    const nv = new NiiVue({ backgroundColor: [0, 0, 0, 1] });
    await nv.attachToCanvas(canvas);
    nv.sliceType = i % 3;
    await nv.loadVolumes(urls.map((url, n) => ({ url, opacity: n ? 0.5 : 1,
      colormap: ['gray', 'red', 'blue', 'green'][n] })));
    window.all.push({ nv, gl: canvas.getContext('webgl2') });
  }
};
window.change = (kind, i) => {
  for (const { nv } of window.all) {
    if (kind === 'window') nv.setVolume(0, { calMin: i % 40, calMax: 900 + i });
    else nv.moveCrosshairInVox(0, kind === 'cross' ? (i % 2 ? 1 : -1) : 0, i % 2 ? 1 : -1);
    nv.drawScene();
  }
};
window.settle = () => {
  const one = new Uint8Array(4);
  for (const { nv, gl } of window.all) {
    nv.view?.render?.();
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, one);
  }
};
window.ready = true;
"""
OURS_JS = """() => {
  const { viewer, engine } = window.__viewer;
  window.steps = [];
  window.change = (kind, i) => {
    const base = viewer.viewports[0].base;
    if (kind !== 'sharp') engine.moving();
    if (kind === 'window') base.setLimits({ low: i % 40, high: 900 + i });
    else if (kind === 'slice') viewer.step(viewer.viewports[i % 3], i % 2 ? 1 : -1);
    else viewer.setCrosshair(viewer.crosshair.map((x) => x + (i % 2 ? 1 : -1)));
  };
  window.settle = (kind) => {
    if (kind === 'sharp') return engine.finish();
    window.steps.push(engine.step);
    engine.settle();
  };
}"""
# From a movement of the mouse, as the system stamped it, to the pixels it has changed.
INPUT_JS = """() => {
  const { engine } = window.__viewer;
  window.delays = [];
  let asked = false;
  addEventListener('pointermove', ({ timeStamp }) => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      engine.settle();
      window.delays.push(performance.now() - timeStamp);
      asked = false;
    });
  }, true);
}"""
# Time of whole frames: change, wait for the next frame, then until the device has drawn it.
LOOP = """async ([kind, n, withinMs]) => {
  const times = [];
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  await frame();
  const begun = performance.now();
  for (let i = 0; i < n && performance.now() - begun < withinMs; i++) {
    const start = performance.now();
    if (kind !== 'empty') window.change(kind, i);
    await frame();
    if (kind !== 'empty') window.settle(kind);
    times.push(performance.now() - start);
  }
  return times;
}"""
KINDS = ("slice", "cross", "window")
WITHIN_MS = 12_000


def volumes(folder: Path, n: int) -> list[str]:
    """An image, two overlays and a ROI."""
    axis = np.linspace(-1, 1, n, dtype=np.float32)
    radius = axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2
    noise = np.random.default_rng(0).integers(500, 1000, (n, n, n), dtype=np.int16)
    affine = np.diag([200 / n, 200 / n, 200 / n, 1.0])
    made: dict[str, Any] = {
        "base.nii": np.where(radius < 0.8, noise, 0).astype(np.int16),
        "over1.nii": np.where(radius < 0.3, noise, 0).astype(np.int16),
        "over2.nii": np.where(abs(radius - 0.5) < 0.1, noise, 0).astype(np.int16),
        "roi_mask.nii": (radius < 0.1).astype(np.uint8),
    }
    for name, data in made.items():
        write_nifti(folder / name, Volume(data, affine))
    return list(made)


def built_peer() -> Path:
    """A static page with four NiiVues, bundled once."""
    folder = CACHE / "bench-niivue-four"
    source = folder / "main.js"
    modules = REPOSITORY / "webui" / "node_modules"
    folder.mkdir(parents=True, exist_ok=True)
    dist = folder / "dist"
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


def measured(page: Any, n: int) -> dict[str, list[float]]:
    """Times of every kind of change, after a few frames to warm up."""
    page.evaluate(LOOP, ["slice", 6, WITHIN_MS / 4])
    out = {kind: page.evaluate(LOOP, [kind, n, WITHIN_MS]) for kind in KINDS}
    # What has been coarse is drawn in full meanwhile.
    page.wait_for_timeout(2000)
    out["empty"] = page.evaluate(LOOP, ["empty", n, WITHIN_MS])
    return out


def dragged(page: Any, n: int) -> list[float]:
    """Times from input to paint while the crosshair is dragged over the first viewport."""
    box = page.locator(".viewport .surface").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.evaluate(INPUT_JS)
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(n):
        page.mouse.move(x + 60 * ((i % 40) / 40 - 0.5), y + 40 * ((i % 25) / 25 - 0.5))
    page.mouse.up()
    delays: list[float] = page.evaluate("() => window.delays")
    return delays


def ours(browser: Browser, service: Service, names: list[str], n: int) -> dict[str, list[float]]:
    """Four viewports in one canvas of 800 x 800."""
    from tests.web.pages import Desktop

    # The frame around the viewer takes 56 px at the left, 44 px above and 26 px below.
    with watched_page(browser, width=SIDE + 56, height=SIDE + 70) as watched:
        desktop = Desktop(watched.page, service).log_in()
        page = watched.page
        rows = {row["name"]: row for row in service.items("/projects/default/files")}
        page.evaluate("() => window.__viewer.viewer.setLayout('2x2')")
        page.evaluate("() => (window.__viewer.viewer.viewports[3].kind = 'axial')")
        page.keyboard.press("Control+b")
        for i, name in enumerate(names):
            role = "background" if i == 0 else "labels" if "mask" in name else "overlay"
            page.evaluate(
                "([row, role]) => window.__viewer.viewer.open(row, role)", [rows[name], role]
            )
        desktop.drawn(len(names), within_s=180)
        page.wait_for_timeout(3000)
        page.evaluate(OURS_JS)
        out = measured(page, n)
        out["step"] = page.evaluate("() => window.steps")
        out["sharp"] = page.evaluate(LOOP, ["sharp", n // 5, WITHIN_MS])
        out["input"] = dragged(page, 2 * n)
        return out


def niivue(browser: Browser, origin: str, names: list[str], n: int) -> dict[str, list[float]]:
    """Four instances of 400 x 400."""
    with watched_page(browser, width=SIDE, height=SIDE) as watched:
        watched.page.goto(f"{origin}/index.html")
        watched.page.wait_for_function("() => window.ready", timeout=120_000)
        urls = [f"{origin}/{name}" for name in names]
        watched.page.evaluate("urls => window.load(urls)", urls)
        watched.page.wait_for_timeout(2000)
        return measured(watched.page, n)


def figures(bench: Bench, mine: dict[str, list[float]], peer: dict[str, list[float]]) -> None:
    """Print median over empty and over the peer, and the slowest frames."""
    empty = statistics.median(mine["empty"])
    for name, seen in (("ours", mine), ("niivue", peer)):
        bench.say(f"frames of {name}: " + ", ".join(f"{k} {len(v)}" for k, v in seen.items()))
    for kind in KINDS:
        median = statistics.median(mine[kind])
        other = statistics.median(peer[kind])
        bench.figure(f"{kind}_over_empty", median, "ms", baseline=empty, at_most=4.0)
        bench.figure(f"{kind}_over_niivue", median, "ms", baseline=other, at_most=0.4)
    every = [t for kind in KINDS for t in mine[kind]]
    bench.figure("frame_p99", float(np.percentile(every, 99)), "ms", at_most=120)
    bench.figure("input_to_paint_p98", float(np.percentile(mine["input"], 98)), "ms", at_most=100)
    bench.figure("moving_pixel", statistics.mean(mine["step"]), "device px wide")
    other = statistics.median(peer["cross"])
    bench.figure("sharp_over_niivue", statistics.median(mine["sharp"]), "ms", baseline=other)


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    service = Service(root / "data")
    n = 30 if bench.small else 100
    try:
        served = root / "served"
        shutil.copytree(built_peer(), served)
        names = volumes(served, 96 if bench.small else 160)
        service.start()
        for name in names:
            data = (served / name).read_bytes()
            key = service.upload(name, data, subject="BENCH", study="20240101")["key"]
            service.closed(key)
        with chromium() as browser, static(served) as origin:
            bench.say("ours")
            mine = ours(browser, service, names, n)
            bench.say("niivue")
            peer = niivue(browser, origin, names, n)
    finally:
        service.stop()
        shutil.rmtree(root, ignore_errors=True)
    figures(bench, mine, peer)


if __name__ == "__main__":
    main()
