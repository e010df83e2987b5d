"""Settings, ruler, pictures and bad input of the viewer in a real browser."""

from __future__ import annotations

import base64
import gzip
import io
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop
from tests.web.test_viewer_layouts import DROP, IMAGE, shown, smpte

pytestmark = [pytest.mark.browser, pytest.mark.system]


def drop_bytes(desktop: Desktop, data: bytes, name: str, zone: str = "background") -> None:
    """Drop bytes as a file of this computer on the first viewport."""
    desktop.page.evaluate(DROP, [base64.b64encode(data).decode(), name, 0, zone])


def complaint(desktop: Desktop) -> str:
    """What the first viewport says went wrong."""
    alert = desktop.page.locator('[data-viewport="0"] [role="alert"]')
    alert.wait_for()
    return alert.inner_text()


def test_VIEW_22_VIEW_26_settings_open_by_key_and_are_remembered(desktop: Desktop) -> None:
    page = desktop.page
    page.get_by_test_id("viewer").hover()
    page.keyboard.press("s")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Layout at start").select_option("1x3")
    dialog.get_by_label("Keys").select_option("2026")
    dialog.get_by_role("button", name="Done").click()
    page.reload()
    desktop.ready()
    wait_until(lambda: len(shown(desktop)) == 3, "the layout of the settings")
    desktop.open_file(IMAGE)
    desktop.drawn()
    before = desktop.state()["crosshair"]
    page.get_by_test_id("viewer").hover()
    page.keyboard.press("x")
    desktop.wait_state(lambda s: s["crosshair"] != before, "x goes to the next slice")


def test_VIEW_x12_a_preset_is_kept_in_the_project(desktop: Desktop) -> None:
    page = desktop.page
    page.get_by_test_id("viewer").hover()
    page.keyboard.press("s")
    dialog = page.get_by_role("dialog")
    dialog.get_by_placeholder("Name").fill("compare")
    dialog.get_by_role("button", name="Save").click()
    dialog.get_by_role("button", name="compare", exact=True).wait_for()
    page.keyboard.press("Escape")
    page.evaluate("() => window.__viewer.viewer.setLayout('free-1x2')")
    page.get_by_test_id("viewer").hover()
    page.keyboard.press("s")
    dialog.get_by_role("button", name="compare", exact=True).click()
    wait_until(lambda: len(shown(desktop)) == 4, "the layout of the preset")
    dialog.get_by_role("button", name="Remove compare").click()
    wait_until(
        lambda: dialog.get_by_role("button", name="compare", exact=True).count() == 0, "it is gone"
    )


def test_a_ruler_measures_in_millimetres_and_is_on_the_picture(desktop: Desktop) -> None:
    page = desktop.page
    page.evaluate("() => window.__viewer.viewer.setLayout('1x1')")
    drop_bytes(desktop, smpte(np.int16).to_bytes(), "smpte.nii")
    desktop.drawn()
    box = desktop.viewport().bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.keyboard.press("u")
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=3)
    page.mouse.up()
    scale = page.evaluate(
        "() => window.__viewer.viewer.view(window.__viewer.viewer.viewports[0]).mmPerPixel"
    )
    text = page.get_by_test_id("measurements").first.text_content() or ""
    assert float(text.split()[0]) == pytest.approx(60 * scale, abs=0.11)
    assert text.strip().endswith("mm")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Picture of this viewport").click()
    picture = np.asarray(Image.open(saved.value.path()).convert("RGB")).astype(int)
    yellow = (abs(picture - np.array([255, 226, 122])).max(-1) < 30).sum()
    assert yellow > 40


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("short.nii", b"\x5c\x01\x00\x00" + bytes(100), "too short"),
        ("cut.nii", smpte(np.int16).to_bytes()[:40_000], "ends after"),
        ("cut.nii.gz", gzip.compress(smpte(np.int16).to_bytes())[:-200], "cut or damaged"),
        ("not.nii", b"something else" * 100, "not a NIfTI"),
    ],
)
def test_a_bad_file_says_so_and_the_rest_goes_on(
    desktop: Desktop, name: str, data: bytes, says: str
) -> None:
    drop_bytes(desktop, data, name)
    assert says in complaint(desktop)
    drop_bytes(desktop, smpte(np.int16).to_bytes(), "good.nii")
    desktop.drawn()
    assert desktop.grey_pixels() > 500


def test_an_image_beyond_the_limit_is_refused_before_it_is_read(desktop: Desktop) -> None:
    header = bytearray(smpte(np.int16).to_bytes()[:352])
    header[42:48] = np.array([2000, 2000, 1500], dtype="<i2").tobytes()
    drop_bytes(desktop, bytes(header), "huge.nii")
    assert "12000 MB" in complaint(desktop)


def odd(kind: str) -> nib.Nifti1Image:
    """An image that is odd in one way."""
    data = smpte(np.float32).get_fdata().astype(np.float32)
    affine = np.eye(4)
    if kind == "nan":
        data[::7] = np.nan
        data[3::7] = np.inf
    if kind == "flat":
        data = data[:, :, :1]
    if kind == "line":
        data = data[:, :1, :1]
    image = nib.Nifti1Image(data, affine)
    if kind == "singular":
        image.header["sform_code"] = 1
        for row in ("srow_x", "srow_y", "srow_z"):
            image.header[row] = 0
        body = io.BytesIO(image.to_bytes())
        body.seek(0)
        raw = bytearray(body.read())
        raw[280:328] = bytes(48)
        return raw  # type: ignore[return-value]
    return image


@pytest.mark.parametrize("kind", ["nan", "flat", "line", "singular"])
def test_odd_images_are_shown_as_far_as_they_can(desktop: Desktop, kind: str) -> None:
    made: Any = odd(kind)
    drop_bytes(desktop, bytes(made) if kind == "singular" else made.to_bytes(), f"{kind}.nii")
    desktop.drawn()
    assert desktop.grey_pixels() > 20
    if kind == "singular":
        assert desktop.page.locator('[data-viewport="0"] .warn').get_attribute("aria-label")


def test_a_mask_far_away_is_said_to_lie_outside(desktop: Desktop) -> None:
    drop_bytes(desktop, smpte(np.int16).to_bytes(), "image.nii")
    desktop.drawn()
    far = np.eye(4)
    far[:3, 3] = 5000
    mask = nib.Nifti1Image(np.ones((5, 5, 5), np.uint8), far)
    drop_bytes(desktop, mask.to_bytes(), "mask.nii", "labels")
    warning = desktop.page.locator('[data-viewport="0"] .warn')
    warning.wait_for()
    assert "outside" in (warning.get_attribute("aria-label") or "")


def test_the_images_come_back_after_the_graphics_device_was_lost(desktop: Desktop) -> None:
    desktop.open_file(IMAGE)
    desktop.drawn()
    assert desktop.grey_pixels() > 500
    lose = """() => {
      const gl = window.__viewer.engine.canvas.getContext("webgl2");
      window.lost = gl.getExtension("WEBGL_lose_context");
      window.lost.loseContext();
    }"""
    desktop.page.evaluate(lose)
    desktop.page.get_by_text("The graphics device was reset").wait_for()
    desktop.page.evaluate("() => window.lost.restoreContext()")
    wait_until(lambda: desktop.grey_pixels() > 500, "the pictures again", within_s=30)


def test_without_webgl_the_page_says_so_and_the_table_works(
    desktop: Desktop, service: Service
) -> None:
    script = """
      const real = HTMLCanvasElement.prototype.getContext;
      HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind.startsWith("webgl") ? null : real.call(this, kind, ...rest);
      };"""
    desktop.page.add_init_script(script)
    desktop.page.goto(service.url)
    desktop.page.get_by_text("This browser cannot draw images").wait_for()
    desktop.rows().first.wait_for()


def test_the_curve_tool_shows_the_series_at_the_crosshair(desktop: Desktop) -> None:
    page = desktop.page
    frames = np.stack([np.full((12, 12, 12), 100 + 10 * t, np.int16) for t in range(5)], -1)
    frames[0, 0, 0] = 1
    drop_bytes(desktop, nib.Nifti1Image(frames, np.eye(4)).to_bytes(), "bold.nii")
    desktop.drawn()
    page.get_by_role("button", name="Curves").click()
    panel = page.get_by_test_id("curves")
    line = panel.locator("polyline")
    line.wait_for(state="attached")
    assert len((line.get_attribute("points") or "").split()) == 5
    assert "bold.nii" in panel.inner_text()
    panel.get_by_label("Scaling").select_option("first")
    wait_until(lambda: "1.4" in panel.inner_text(), "the last value over the first")
