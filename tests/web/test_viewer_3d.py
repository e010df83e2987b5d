"""3D in a real browser: clouds, cuts, surfaces of images and ROIs, meshes, viewport by viewport."""

from __future__ import annotations

import io
import struct
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from tests.support.waiting import wait_until
from tests.web.pages import Desktop
from tests.web.test_viewer_layouts import drop, layout
from tests.web.test_viewer_tools import drop_bytes

pytestmark = [pytest.mark.browser, pytest.mark.system]

N = 40


def ball(radius: float, *, lower: bool = False) -> nib.Nifti1Image:
    """A bright ball in the middle, or its lower half only."""
    at = np.indices((N, N, N)) - (N - 1) / 2
    data = np.clip(500 + 200 * (radius - np.sqrt((at**2).sum(0))), 0, 1000)
    if lower:
        data[:, :, N // 2 :] = 0
    affine = np.eye(4)
    affine[:3, 3] = -(N - 1) / 2
    return nib.Nifti1Image(data.astype(np.int16), affine)


def mask(radius: float) -> nib.Nifti1Image:
    """A mask of a ball on the same grid."""
    image = ball(radius)
    data = (np.asarray(image.dataobj) >= 500).astype(np.uint8)
    return nib.Nifti1Image(data, image.affine)


def stl(size: float) -> bytes:
    """A cube of two triangles a side."""
    corners = np.array([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)]) * 2.0 - 1
    quads = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]]
    faces = [f for q in quads for f in ([q[0], q[1], q[2]], [q[0], q[2], q[3]])]
    body = b"".join(
        struct.pack("<12fH", 0, 0, 0, *(corners[face] * size / 2).ravel(), 0) for face in faces
    )
    return bytes(80) + struct.pack("<I", len(faces)) + body


def still(desktop: Desktop) -> None:
    """Wait until 3D has shown what it was last asked for."""
    busy = desktop.page.locator('[data-testid="view3d"][data-busy="true"]')
    # A change is taken up a moment after it was made.
    desktop.page.wait_for_timeout(1200)
    wait_until(lambda: busy.count() == 0, "3D is ready", within_s=60)


def picture(desktop: Desktop, index: int = 0) -> Any:
    """Pixels of a viewport in 3D."""
    canvas = desktop.page.get_by_test_id("view3d").nth(index)
    canvas.wait_for()
    shot = Image.open(io.BytesIO(canvas.screenshot())).convert("RGB")
    return np.asarray(shot).astype(int)


def bright(pixels: Any) -> int:
    """Pixels that are not the dark surroundings."""
    return int((pixels.max(-1) > 60).sum())


def render(desktop: Desktop, patch: dict[str, Any]) -> None:
    """Change what the first viewport in 3D shows."""
    desktop.page.evaluate(
        """(patch) => {
          const one = window.__viewer.viewer.viewports.find((v) => v.kind === '3d');
          one.render = { ...one.render, ...patch };
        }""",
        patch,
    )
    still(desktop)


@pytest.fixture
def space(desktop: Desktop) -> Desktop:
    """One viewport in 3D with the ball."""
    layout(desktop, "1x1")
    drop(desktop, ball(12), "ball.nii", 0, "background")
    desktop.drawn()
    desktop.page.evaluate("() => (window.__viewer.viewer.viewports[0].kind = '3d')")
    desktop.page.get_by_test_id("view3d").wait_for()
    wait_until(lambda: bright(picture(desktop)) > 500, "the ball", within_s=60)
    return desktop


def test_VIEW_30_a_cut_takes_the_side_it_names(space: Desktop) -> None:
    still(space)
    space.page.get_by_role("button", name="From behind").click()
    still(space)
    whole = bright(picture(space))
    halves = {}
    for side in ("L", "R", "S", "I"):
        render(space, {"cut": side, "depth": 0.5})
        pixels = picture(space).max(-1) > 60
        height, width = pixels.shape
        halves[side] = {
            "left": pixels[:, : width // 2].sum(),
            "right": pixels[:, width // 2 :].sum(),
            "top": pixels[: height // 2].sum(),
            "bottom": pixels[height // 2 :].sum(),
        }
    # Seen from behind the patient's left is at the left.
    assert halves["L"]["left"] < 0.25 * halves["L"]["right"], halves
    assert halves["R"]["right"] < 0.25 * halves["R"]["left"], halves
    assert halves["S"]["top"] < 0.25 * halves["S"]["bottom"], halves
    assert halves["I"]["bottom"] < 0.25 * halves["I"]["top"], halves
    render(space, {"cut": None})
    assert bright(picture(space)) > 0.8 * whole


def test_VIEW_30_the_surface_of_an_image_follows_its_level(space: Desktop) -> None:
    page = space.page
    page.get_by_role("button", name="What 3D shows").click()
    panel = page.get_by_test_id("render-panel")
    panel.get_by_label("Image").select_option("surface")
    level = panel.get_by_role("textbox", name="Level")
    level.fill("100")
    level.press("Enter")
    page.keyboard.press("Escape")
    still(space)

    def bone() -> int:
        pixels = picture(space)
        return int(((pixels[..., 0] > 80) & (pixels[..., 0] - pixels[..., 2] > 8)).sum())

    # Letters and buttons over the picture have the like of its colour too.
    wait_until(lambda: bone() > 3000, "a surface", within_s=60)
    render(space, {"level": 5000})
    assert bone() < 1500


def test_VIEW_30_rois_and_meshes_are_seen_in_3d(space: Desktop) -> None:
    drop(space, mask(6), "inner_mask.nii", 0, "labels")
    wait_until(lambda: len(space.state()["layers"]) == 2, "two layers", within_s=30)
    render(space, {"as": "surface"})

    def coloured() -> int:
        pixels = picture(space)
        return int((pixels.max(-1) - pixels.min(-1) > 50).sum())

    wait_until(lambda: coloured() > 50, "the ROI in its colour", within_s=60)
    drop_bytes(space, stl(36), "cube.stl")
    wait_until(lambda: len(space.state()["layers"]) == 3, "three layers", within_s=30)
    before = bright(picture(space))
    render(space, {"as": "none"})
    assert bright(picture(space)) > 500
    assert before > 0


def test_VIEW_30_each_viewport_has_its_own_mode(desktop: Desktop) -> None:
    layout(desktop, "free-1x2")
    drop(desktop, ball(12), "one.nii", 0, "background")
    drop(desktop, ball(12), "two.nii", 1, "background")
    desktop.drawn(2)
    second = desktop.page.locator('[data-viewport="1"]')
    second.get_by_label("Plane").select_option("3d")
    second.get_by_test_id("view3d").wait_for()
    kinds = "() => window.__viewer.viewer.viewports.map((v) => v.kind === '3d')"
    assert desktop.page.evaluate(kinds) == [False, True]
    assert desktop.page.locator('[data-viewport="0"] .surface').count() == 1
