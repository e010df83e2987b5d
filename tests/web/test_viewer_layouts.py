"""Layouts of the viewer in a real browser: grids, mosaics, links, drops, exact grey levels."""

from __future__ import annotations

import base64
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from tests.support.waiting import wait_until
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]

IMAGE = "t1_mprage_3/s001.nii"

DROP = """([text, name, target, zone]) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name));
  const box = document.querySelector(`[data-viewport="${target}"]`);
  const tell = (node, kind) =>
    node.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true,
                                             dataTransfer: carried }));
  tell(box, "dragenter");
  return new Promise((resolve) => requestAnimationFrame(() => {
    tell(box.querySelector(`[data-drop="${zone}"]`), "drop");
    resolve();
  }));
}"""

# Largest difference between what is on the screen and the grey level of the stored value.
EXACT = """async ([low, high]) => {
  const { viewer, engine } = window.__viewer;
  const view0 = viewer.viewports[0];
  viewer.showCrosshair = false;
  viewer.layers[0].setLimits({ low, high });
  view0.zoom *= viewer.view(view0).mmPerPixel;
  view0.centre = null;
  const { width, height } = view0.rect;
  const middle = viewer.view(view0).origin;
  view0.centre = [middle[0] + (width % 2 ? 0 : 0.5), middle[1] + (height % 2 ? 0 : 0.5), middle[2]];
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  engine.finish();
  const view = viewer.view(view0);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [engine.canvas.width, engine.canvas.height];
  const paper = canvas.getContext("2d");
  paper.drawImage(engine.canvas, 0, 0);
  const pixels = paper.getImageData(0, 0, canvas.width, canvas.height).data;
  let [worst, n, scale] = [0, 0, view.mmPerPixel];
  const { volume } = view0.base;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const u = (x + 0.5 - width / 2) * scale, v = (height / 2 - y - 0.5) * scale;
      const { right, up } = view.axes;
      const mm = view.origin.map((at, a) => at + u * right[a] + v * up[a]);
      const voxel = volume.voxelAt(mm);
      if (!voxel) continue;
      const t = Math.min(1, Math.max(0, (volume.value(voxel) - low) / (high - low)));
      const at = 4 * (y * canvas.width + x);
      for (let c = 0; c < 3; c++) worst = Math.max(worst, Math.abs(pixels[at + c] - 255 * t));
      n++;
    }
  return { worst, n, scale };
}"""


def layout(desktop: Desktop, name: str) -> None:
    """Choose a layout by its name."""
    desktop.page.evaluate("name => window.__viewer.viewer.setLayout(name)", name)


def drop(desktop: Desktop, image: nib.Nifti1Image, name: str, viewport: int, zone: str) -> None:
    """Drop a file of this computer on a zone of a viewport."""
    text = base64.b64encode(image.to_bytes()).decode()
    desktop.page.evaluate(DROP, [text, name, viewport, zone])


def shown(desktop: Desktop) -> list[list[str]]:
    """Names of the layers of every viewport."""
    script = "() => window.__viewer.viewer.viewports.map((v) => v.layers.map((l) => l.name))"
    found: list[list[str]] = desktop.page.evaluate(script)
    return found


def smpte(dtype: Any) -> nib.Nifti1Image:
    """A pattern like SMPTE's: 5 % steps, the 5/95 % patches and fine bars, 200 x 220 x 3."""
    steps = np.linspace(0, 1, 21)
    flat = np.repeat(np.repeat(steps[:20].reshape(5, 4), 50, 1), 44, 0).T[:200, :220]
    flat[20:40, 20:40], flat[25:35, 25:35] = 0.0, 0.05
    flat[60:80, 20:40], flat[65:75, 25:35] = 1.0, 0.95
    flat[100:140, 100:140] = (np.indices((40, 40)).sum(0) % 2).astype(float)
    data = np.repeat((flat * 2000 - 500)[:, :, None], 3, axis=2).astype(dtype)
    return nib.Nifti1Image(data, np.eye(4))


def test_VIEW_12_VIEW_x06_the_picker_makes_a_grid_with_bars_in_one_context(
    desktop: Desktop,
) -> None:
    page = desktop.page
    page.get_by_role("button", name="Three planes and 3D").click()
    page.get_by_role("button", name="2 × 3", exact=True).click()
    page.get_by_role("button", name="1 mosaic bars below").click()
    wait_until(lambda: len(shown(desktop)) == 7, "six places and a bar")
    page.keyboard.press("Escape")
    wait_until(lambda: page.get_by_test_id("layout-picker").count() == 0, "the picker is closed")
    assert page.locator("canvas").count() == 1


def test_VIEW_03_a_double_click_fills_the_next_free_viewport(desktop: Desktop) -> None:
    layout(desktop, "free-2x2")
    desktop.open_file(IMAGE)
    desktop.drawn()
    desktop.find_row(IMAGE).dblclick()
    wait_until(lambda: [len(names) for names in shown(desktop)] == [1, 1, 0, 0], "two viewports")


def test_VIEW_13_a_bar_below_shows_a_mosaic(desktop: Desktop) -> None:
    layout(desktop, "1x3m")
    desktop.open_file(IMAGE)
    desktop.drawn()
    count = "() => Object.keys(window.__viewer.reports).filter((id) => id.includes('/')).length"
    wait_until(lambda: desktop.page.evaluate(count) >= 8, "eight tiles")
    box = desktop.page.locator('[data-viewport="3"] .surface').bounding_box()
    assert box is not None
    before = desktop.state()["crosshair"]
    desktop.page.mouse.click(box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.5)
    after = desktop.wait_state(lambda s: s["crosshair"] != before, "the crosshair moved")
    tiles = "() => window.__viewer.viewer.tiles(window.__viewer.viewer.viewports[3]).map(t => t.mm)"
    normal = "() => window.__viewer.viewer.view(window.__viewer.viewer.viewports[3]).axes.normal"
    depth = float(np.dot(after["crosshair"], desktop.page.evaluate(normal)))
    assert min(abs(depth - mm) for mm in desktop.page.evaluate(tiles)) < 1e-3


def test_VIEW_04_a_dropped_file_never_leaves_the_computer(desktop: Desktop) -> None:
    layout(desktop, "free-1x2")
    before = len(desktop.page.context.pages)
    sent: list[str] = []
    desktop.page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    drop(desktop, smpte(np.int16), "own.nii", 1, "background")
    desktop.drawn()
    wait_until(lambda: shown(desktop) == [[], ["own.nii"]], "the file in its viewport")
    # What the page asks of its own service meanwhile carries nothing of the file.
    own = tuple(f"GET {start}" for start in (desktop.service.url, "blob:"))
    assert [one for one in sent if not one.startswith(own) or "own.nii" in one] == []
    assert len(desktop.page.context.pages) == before


def test_VIEW_05_a_drop_as_overlay_lies_over_the_image(desktop: Desktop) -> None:
    desktop.open_file(IMAGE)
    desktop.drawn()
    drop(desktop, smpte(np.int16), "over.nii", 0, "overlay")
    state = desktop.wait_state(lambda s: len(s["layers"]) == 2, "two layers")
    assert state["layers"][1]["role"] == "overlay"


def test_VIEW_05_three_planes_of_an_image_in_three_viewports(desktop: Desktop) -> None:
    layout(desktop, "free-2x2")
    drop(desktop, smpte(np.int16), "own.nii", 1, "planes")
    wait_until(lambda: [len(n) for n in shown(desktop)] == [0, 1, 1, 1], "three viewports")
    kinds = "() => window.__viewer.viewer.viewports.map((v) => v.kind)"
    assert desktop.page.evaluate(kinds)[1:] == ["coronal", "sagittal", "axial"]


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_pattern_is_drawn_within_one_grey_level(desktop: Desktop, dtype: Any) -> None:
    layout(desktop, "1x1")
    drop(desktop, smpte(dtype), "smpte.nii", 0, "background")
    desktop.drawn()
    found = desktop.page.evaluate(EXACT, [-500, 1500])
    assert found["n"] > 30_000
    assert found["scale"] == pytest.approx(1)
    assert found["worst"] <= 1
    narrow = desktop.page.evaluate(EXACT, [1200, 1500])
    assert narrow["worst"] <= 1


def test_VIEW_29_a_display_on_other_voxels_says_so(desktop: Desktop) -> None:
    desktop.open_file(IMAGE)
    desktop.drawn()
    desktop.page.evaluate("() => window.__viewer.viewer.setGrid('world')")
    mark = desktop.page.get_by_test_id("resampled")
    mark.first.wait_for()
    assert "world grid of 1.5" in mark.first.inner_text()
    desktop.page.evaluate("() => window.__viewer.viewer.setGrid(window.__viewer.viewer.layers[0])")
    wait_until(lambda: mark.count() == 0, "its own voxels need no mark")
