"""First slice of a 256^3 int16 .nii.gz: ours from the double click, NORA's bundle, NiiVue alone."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import statistics
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _common import CACHE, Bench
from first_slice import built_peer, head_like, picture_ms, static

from tests.support.browser import FIRST_PICTURE, chromium, watched_page
from tests.support.needs import find
from tests.support.service import Service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NORA_VERSION = "1.2.4"
DATASET = "/api/datasets/v"
STATIC = "static/plugins/visualizations/nora/static"
NORA_HTML = """<!doctype html><meta charset="utf-8"><title>NORA alone</title>
<style>html,body,#box{margin:0;width:100%;height:100%;background:#000}</style>
<div id="box"><div id="app" data-incoming='INCOMING'></div></div>
<script src="/STATIC/dist/script.js"></script>
"""
# NORA draws into 2D canvases: looked at in every frame, from its request of the data on.
NORA_PICTURE = """
(() => {
  const open = XMLHttpRequest.prototype.open;
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    if (String(url).includes('/display')) window.__doubleClick ??= performance.now();
    return open.call(this, method, url, ...rest);
  };
  const real = window.fetch;
  window.fetch = (url, ...rest) => {
    if (String(url.url ?? url).includes('/display')) window.__doubleClick ??= performance.now();
    return real(url, ...rest);
  };
  const look = () => {
    for (const canvas of document.querySelectorAll('canvas')) {
      if (canvas.width < 60 || canvas.height < 60 || !canvas.offsetParent) continue;
      const paper = canvas.getContext('2d');
      if (!paper) continue;
      const bytes = paper.getImageData(0, 0, canvas.width, canvas.height).data;
      let grey = 0;
      for (let i = 0; i < bytes.length; i += 16) {
        const [r, g, b, a] = [bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]];
        if (a && r > 60 && Math.abs(r - g) < 6 && Math.abs(r - b) < 6) grey += 4;
      }
      if (grey > canvas.width * canvas.height * 0.02) {
        window.__firstPicture = performance.now();
        return;
      }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""


def npm_tarball(name: str, version: str) -> bytes:
    """A package of the registry that npm is set to, as a tar."""
    folder = CACHE / f"bench-{name.rsplit('/', maxsplit=1)[-1]}-{version}"
    kept = folder / "package.tgz"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        npm = find("npm") or "npm"
        packed = subprocess.run(
            [npm, "pack", "--json", f"{name}@{version}"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        (folder / json.loads(packed.stdout)[0]["filename"]).rename(kept)
    return kept.read_bytes()


def nora_page(served: Path, data: bytes) -> None:
    """A folder that looks to NORA's bundle like the Galaxy server that it expects."""
    target = served / STATIC
    with tarfile.open(fileobj=io.BytesIO(npm_tarball("@galaxyproject/nora", NORA_VERSION))) as tar:
        for member in tar:
            inside = member.name.removeprefix("package/static/")
            if not member.isfile() or inside == member.name or inside.endswith(".map"):
                continue
            path = target / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            body = tar.extractfile(member)
            path.write_bytes(body.read() if body else b"")
    incoming = json.dumps({"root": "/", "visualization_config": {"dataset_id": "v"}})
    html = NORA_HTML.replace("INCOMING", incoming).replace("STATIC", STATIC)
    (served / "nora.html").write_text(html, encoding="utf-8")
    (served / "volume.nii.gz").write_bytes(data)
    (served / DATASET[1:]).mkdir(parents=True)
    (served / DATASET[1:] / "display").write_bytes(data)


def as_galaxy(page: Page) -> None:
    """Answer what NORA's bundle asks of Galaxy about the file; the file itself is served."""
    facts = json.dumps({"name": "volume.nii.gz", "extension": "nii1.gz"})
    page.route(f"**{DATASET}", lambda r: r.fulfill(body=facts, content_type="application/json"))


def nora_ms(browser: Browser, origin: str) -> float:
    """NORA's bundle, once, from its request of the data."""
    with watched_page(browser, width=1280, height=800, script=NORA_PICTURE) as watched:
        as_galaxy(watched.page)
        watched.page.goto(f"{origin}/nora.html")
        return picture_ms(watched.page)


def niivue_ms(browser: Browser, origin: str) -> float:
    """NiiVue alone, once."""
    with watched_page(browser, script=FIRST_PICTURE) as watched:
        watched.page.goto(f"{origin}/index.html")
        watched.page.wait_for_function("() => window.ready", timeout=120_000)
        watched.page.evaluate(f"void window.go('{origin}/volume.nii.gz')")
        return picture_ms(watched.page)


def our_ms(browser: Browser, service: Service) -> float:
    """The appliance, once: log in, open the study, double click its file."""
    from tests.web.pages import Desktop

    with watched_page(browser, width=1280, height=800, script=FIRST_PICTURE) as watched:
        desktop = Desktop(watched.page, service).log_in()
        desktop.open_file("volume.nii")
        return picture_ms(watched.page)


def rounds(bench: Bench, root: Path, service: Service) -> list[tuple[float, float, float]]:
    """All three after each other, several times."""
    served = root / "served"
    shutil.copytree(built_peer(), served)
    plain = head_like(served / "volume.nii", 128 if bench.small else 256)
    data = gzip.compress(plain.read_bytes(), 6)
    nora_page(served, data)
    service.start()
    receipt = service.upload("volume.nii.gz", data, subject="BENCH", study="20240101")
    service.closed(receipt["key"])
    out: list[Any] = []
    with chromium() as browser, static(served) as origin:
        for i in range(2 if bench.small else 5):
            out.append(
                (
                    our_ms(browser, service),
                    nora_ms(browser, origin),
                    niivue_ms(browser, origin),
                )
            )
            bench.say(f"round {i + 1}: " + " ".join(f"{ms:.0f} ms" for ms in out[-1]))
    return out


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    service = Service(root / "data")
    try:
        mine, nora, niivue = (
            statistics.median(c) for c in zip(*rounds(bench, root, service), strict=True)
        )
    finally:
        service.stop()
        shutil.rmtree(root, ignore_errors=True)
    bench.figure("first_slice_over_nora", mine, "ms", baseline=nora, at_most=1 / 3)
    bench.figure("first_slice_over_niivue", mine, "ms", baseline=niivue, at_most=1.0)


if __name__ == "__main__":
    main()
