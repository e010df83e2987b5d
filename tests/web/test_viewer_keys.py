"""Own windows, lines of the crosshair, pins, the palette and fibers, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import pytest

from tests.support.waiting import wait_until
from tests.web.test_viewer_3d import picture
from tests.web.test_viewer_layouts import drop, layout
from tests.web.test_viewer_tools import drop_bytes

if TYPE_CHECKING:
    from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]

FRAMES = 6


def series() -> nib.Nifti1Image:
    """Each voxel rises by its own slope."""
    slope = np.arange(16 * 16 * 16, dtype=np.int16).reshape(16, 16, 16) % 50
    data = np.stack([slope * t for t in range(FRAMES)], axis=-1)
    return nib.Nifti1Image(data.astype(np.int16), np.diag([3.0, 3.0, 3.0, 1.0]))


def tck(n: int = 30) -> bytes:
    """Straight streamlines from left to right, as mrtrix writes them."""
    ends = np.full((1, 3), np.nan, "<f4")
    lines = []
    for i in range(n):
        x = np.linspace(-40, 40, 20, dtype="<f4")
        y, z = np.full_like(x, (i % 6 - 2.5) * 8), np.full_like(x, (i // 6 - 2) * 10)
        lines += [np.stack([x, y, z], axis=1), ends]
    body = np.concatenate([*lines, np.full((1, 3), np.inf, "<f4")]).tobytes()
    head = f"mrtrix tracks\ndatatype: Float32LE\ncount: {n}\nfile: . "
    at = len(head) + 4 + len("\nEND\n")
    return f"{head}{at:04d}\nEND\n".encode() + body


def test_VIEW_x08_own_windows_are_set_in_the_settings_and_used_by_key(desktop: Desktop) -> None:
    page = desktop.page
    layout(desktop, "1x1")
    drop(desktop, series(), "head.nii", 0, "background")
    desktop.drawn()
    page.get_by_test_id("viewer").hover()
    page.keyboard.press("s")
    dialog = page.get_by_role("dialog")
    own = dialog.get_by_role("group", name="Window 7")
    for label, value in (("Name of the window", "Temporal bone"), ("Centre", "600")):
        own.get_by_label(label).fill(value)
    own.get_by_label("Width").fill("4000")
    own.get_by_label("Width").press("Tab")
    dialog.get_by_role("button", name="Done").click()
    page.get_by_test_id("viewer").hover()
    page.keyboard.press("7")
    limits = "() => ({ ...window.__viewer.viewer.layers[0].limits })"
    wanted = {"low": -1400, "high": 2600}
    wait_until(lambda: page.evaluate(limits) == wanted, "the own window", within_s=30)
    page.keyboard.press("8")
    wait_until(lambda: page.evaluate(limits) == {"low": 0, "high": 600}, "CT vessels", within_s=30)


def test_VIEW_x09_a_pin_keeps_its_curve_and_a_line_moves_alone(desktop: Desktop) -> None:
    page = desktop.page
    layout(desktop, "1x1")
    drop(desktop, series(), "bold.nii", 0, "background")
    desktop.drawn()
    box = desktop.viewport().bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = desktop.state()["crosshair"]
    page.keyboard.down("Control")
    page.keyboard.down("Shift")
    page.mouse.click(x - 60, y - 50)
    page.keyboard.up("Shift")
    page.keyboard.up("Control")
    page.locator("[data-pin]").first.wait_for()
    assert desktop.state()["crosshair"] == before
    curves = page.get_by_test_id("curves")
    curves.get_by_text("Pin 1 · bold.nii").wait_for()
    page.keyboard.down("Shift")

    def on_the_line() -> bool:
        """The panel of the curves has moved the picture: the pointer follows its line."""
        page.mouse.move(*cross(desktop, 30, 72))
        page.mouse.move(*cross(desktop, 0, 70))
        return desktop.viewport().evaluate("node => node.style.cursor") == "col-resize"

    wait_until(on_the_line, "the pointer is on the upright line", within_s=30)
    page.mouse.down()
    page.mouse.move(*cross(desktop, 45, 20), steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    after = desktop.wait_state(lambda s: s["crosshair"] != before, "a line has moved")["crosshair"]
    moved = [i for i in range(3) if abs(after[i] - before[i]) > 0.01]
    assert moved == [0]
    curves.get_by_role("button", name="Remove pin 1").click()
    wait_until(lambda: page.locator("[data-pin]").count() == 0, "no pin", within_s=30)


def cross(desktop: Desktop, dx: float, dy: float) -> tuple[float, float]:
    """A place on the screen, from where the lines of the crosshair meet."""
    upright = desktop.page.locator(".line.upright").bounding_box()
    level = desktop.page.locator(".line.level").bounding_box()
    assert upright is not None
    assert level is not None
    return upright["x"] + dx, level["y"] + dy


def test_the_palette_takes_any_text(desktop: Desktop) -> None:
    page = desktop.page
    page.get_by_test_id("viewer").hover()
    page.keyboard.press("Control+k")
    field = page.get_by_role("dialog").get_by_role("combobox")
    with page.expect_response(lambda answer: "/studies?" in answer.url) as asked:
        field.fill("Window: (CT & bone")
    assert asked.value.status == 200
    with page.expect_response(lambda answer: "/studies?" in answer.url) as asked:
        field.fill("S-0001")
    assert asked.value.status == 200
    page.get_by_role("option").filter(has_text="S-0001#").first.wait_for()


def test_VIEW_30_fibers_are_lines_coloured_by_direction(desktop: Desktop) -> None:
    page = desktop.page
    layout(desktop, "1x1")
    drop_bytes(desktop, tck(), "tracts.tck")
    page.get_by_test_id("view3d").wait_for()

    def of(channel: int) -> Any:
        pixels = picture(desktop)
        others = [c for c in range(3) if c != channel]
        # Letters and buttons over the picture are orange: no colour of a line.
        pure = (pixels[..., channel] > 90) & (pixels[..., others].max(-1) < 40)
        return int(pure.sum())

    page.get_by_role("button", name="From the front").click()
    wait_until(lambda: of(0) > 400, "lines from left to right are red", within_s=60)
    assert of(2) < 50
    page.get_by_test_id("layer-bar").locator("button.name").click()
    panel = page.get_by_test_id("layer-panel")
    panel.get_by_text("30 of 30 streamlines").wait_for()
    panel.get_by_role("combobox").select_option("unicolor")
    panel.get_by_role("button", name="Colour 9", exact=True).click()
    page.keyboard.press("Escape")
    panel.wait_for(state="hidden")
    wait_until(lambda: of(2) > 400 and of(0) < 50, "the chosen blue", within_s=60)
