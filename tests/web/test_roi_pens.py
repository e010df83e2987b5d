"""Every pen and operation of the ROI tool, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.support.waiting import wait_until
from tests.web.conftest import SHAPE
from tests.web.pages import Desktop
from tests.web.roi_tool import RoiTool

pytestmark = [pytest.mark.browser, pytest.mark.system]

IMAGE = "t1_mprage_3/s001.nii"
ALL = int(np.prod(SHAPE))


@pytest.fixture
def tool(desktop: Desktop) -> Iterator[RoiTool]:
    """The tool with the image open and one empty ROI."""
    desktop.page.on("dialog", lambda dialog: dialog.accept())
    desktop.open_file(IMAGE)
    desktop.drawn()
    found = RoiTool(desktop).open().new()
    found.size(14, 3)
    yield found
    desktop.page.evaluate("indexedDB.deleteDatabase('nora-roi')")


def test_ROI_18_sizes_and_shapes_change_what_a_click_draws(tool: RoiTool) -> None:
    tool.stroke((0.5, 0.5))
    small = tool.wait_voxels(lambda n: n > 0, "drawn")
    tool.page.keyboard.press("Control+z")
    tool.size(30, 3)
    tool.stroke((0.5, 0.5))
    tool.wait_voxels(lambda n: n > 2 * small, "a larger pen")
    tool.page.keyboard.press("Control+z")
    tool.size(0, 0)
    tool.stroke((0.5, 0.5))
    tool.wait_voxels(lambda n: n == 1, "size 0 is one voxel")


def test_ROI_22_threshold_pen_keeps_to_its_limits(tool: RoiTool) -> None:
    tool.pen("Threshold pen")
    tool.panel.get_by_role("combobox", name="From").fill("1e6")
    tool.panel.get_by_role("combobox", name="From").press("Tab")
    tool.stroke((0.45, 0.5), (0.55, 0.5))
    assert tool.voxels() == 0
    tool.panel.get_by_role("combobox", name="From").fill("climL")
    tool.panel.get_by_role("combobox", name="From").press("Tab")
    tool.stroke((0.45, 0.5), (0.55, 0.5))
    tool.wait_voxels(lambda n: n > 0, "voxels above the lower display limit")


@pytest.mark.parametrize("pen", ["Magic pen, unconnected", "Magic pen, connected"])
def test_ROI_24_ROI_25_magic_pens_stay_within_the_pen(tool: RoiTool, pen: str) -> None:
    tool.stroke((0.5, 0.5))
    plain = tool.wait_voxels(lambda n: n > 0, "a plain click")
    tool.page.keyboard.press("Control+z")
    tool.pen(pen)
    tool.stroke((0.5, 0.5))
    tool.wait_voxels(lambda n: 0 < n <= plain, "at most the pen")


def test_ROI_26_free_growing_follows_the_mouse_and_is_one_step(tool: RoiTool) -> None:
    tool.pen("Free 3D growing")
    mouse = tool.page.mouse
    x, y = tool.at((0.5, 0.5))
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 60, y, steps=4)
    far = tool.wait_voxels(lambda n: n > 100, "grown")
    mouse.move(x - 40, y, steps=4)
    near = tool.wait_voxels(lambda n: 0 < n < far, "to the left: less")
    mouse.move(x + 170, y, steps=4)
    tool.wait_voxels(lambda n: n > far, "to the right: more")
    mouse.move(x - 40, y, steps=4)
    tool.wait_voxels(lambda n: n == near, "the same place gives the same voxels")
    mouse.up()
    tool.page.keyboard.press("Control+z")
    assert tool.voxels() == 0


def test_ROI_27_ROI_28_ROI_29_an_outline_is_moved_filled_and_deleted(tool: RoiTool) -> None:
    page = tool.page
    tool.pen("Outline")
    for corner in ((0.3, 0.3), (0.6, 0.3), (0.6, 0.6), (0.3, 0.6)):
        tool.stroke(corner)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    filled = tool.wait_voxels(lambda n: n > 10, "filled")
    tool.stroke((0.6, 0.6), (0.75, 0.75))
    page.keyboard.press("Enter")
    tool.wait_voxels(lambda n: n > filled, "the moved corner holds more")
    page.keyboard.press("Delete")
    wait_until(lambda: page.locator("polygon[data-outline]").count() == 0, "the outline is gone")
    assert tool.voxels() > filled


def test_ROI_35_ROI_36_ROI_37_operations(tool: RoiTool) -> None:
    tool.stroke((0.45, 0.5), (0.55, 0.5))
    drawn = tool.wait_voxels(lambda n: n > 0, "drawn")
    tool.press("Dilate")
    fat = tool.wait_voxels(lambda n: n > drawn, "dilated")
    tool.press("Erode")
    tool.wait_voxels(lambda n: drawn <= n < fat, "eroded")
    tool.press("Invert")
    tool.wait_voxels(lambda n: n > ALL / 2, "inverted")
    tool.press("Fill holes")
    tool.wait_voxels(lambda n: n == ALL, "the hole is filled")
    tool.page.keyboard.press("Control+z")
    tool.page.keyboard.press("Control+z")
    tool.new()
    tool.size(0, 0)
    tool.stroke((0.35, 0.3))
    tool.wait_voxels(lambda n: n == 1, "one voxel", row=1)
    tool.rows().nth(0).get_by_role("checkbox").check()
    tool.press("Union")
    both = tool.wait_voxels(lambda n: n > drawn, "united", row=1)
    tool.press("Remove salt")
    tool.wait_voxels(lambda n: n < both, "salt is gone", row=1)
    tool.page.keyboard.press("Control+z")
    tool.press("Subtract")
    tool.wait_voxels(lambda n: n == 1, "subtracted", row=1)


def test_bug_18_one_history_for_everything(tool: RoiTool) -> None:
    page = tool.page
    tool.stroke((0.45, 0.5))
    drawn = tool.wait_voxels(lambda n: n > 0, "drawn")
    tool.pen("Outline")
    tool.stroke((0.3, 0.3))
    tool.stroke((0.6, 0.3))
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    drawn_line = page.locator("polyline[data-outline]")
    wait_until(lambda: drawn_line.count() == 0, "the outline goes first")
    assert tool.voxels() == drawn
    page.keyboard.press("Control+z")
    assert tool.voxels() == 0


def test_ROI_x01_override_and_block_between_two_rois(tool: RoiTool) -> None:
    tool.stroke((0.45, 0.5), (0.55, 0.5))
    first = tool.wait_voxels(lambda n: n > 0, "the first")
    tool.new()
    tool.unfold("Options")
    tool.panel.get_by_role("radio", name="Block").click()
    tool.stroke((0.45, 0.5), (0.55, 0.5))
    assert tool.voxels(1) == 0
    assert tool.voxels(0) == first
    tool.panel.get_by_role("radio", name="Override").click()
    tool.stroke((0.45, 0.5), (0.55, 0.5))
    tool.wait_voxels(lambda n: n == first, "taken over", row=1)
    assert tool.voxels(0) == 0
    tool.page.keyboard.press("Control+z")
    tool.wait_voxels(lambda n: n == first, "given back", row=0)
    tool.panel.get_by_role("radio", name="Overlap").click()


def test_ROI_x02_islands_are_listed_and_erased(tool: RoiTool) -> None:
    tool.size(4, 0)
    tool.stroke((0.4, 0.5))
    tool.stroke((0.6, 0.5))
    both = tool.wait_voxels(lambda n: n > 1, "two islands")
    tool.rows().first.get_by_role("button", name="Islands").click()
    items = tool.page.get_by_test_id("roi-islands").get_by_role("listitem")
    wait_until(lambda: items.count() == 2, "two rows")
    items.first.get_by_role("button", name="Erase this island").click()
    tool.wait_voxels(lambda n: 0 < n < both, "one is gone")
    wait_until(lambda: items.count() == 1, "one row")


def test_ROI_13_a_deleted_roi_comes_back(tool: RoiTool) -> None:
    tool.stroke((0.5, 0.5))
    drawn = tool.wait_voxels(lambda n: n > 0, "drawn")
    tool.operate("Delete")
    wait_until(lambda: tool.rows().count() == 0, "deleted")
    tool.page.keyboard.press("Control+z")
    wait_until(lambda: tool.rows().count() == 1, "back")
    assert tool.voxels() == drawn
