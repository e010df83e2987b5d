"""The list of ROIs and the ways to make one, in a real browser."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.support.waiting import wait_until
from tests.web.conftest import SHAPE
from tests.web.pages import Desktop
from tests.web.roi_tool import RoiTool

pytestmark = [pytest.mark.browser, pytest.mark.system]

IMAGE = "t1_mprage_3/s001.nii"


@pytest.fixture
def tool(desktop: Desktop) -> Iterator[RoiTool]:
    """The tool with the image open and no ROI."""
    desktop.page.on("dialog", lambda dialog: dialog.accept())
    desktop.open_file(IMAGE)
    desktop.drawn()
    found = RoiTool(desktop).open()
    yield found
    desktop.page.evaluate("indexedDB.deleteDatabase('nora-roi')")


def rename(tool: RoiTool, name: str) -> None:
    """Give the first ROI a name that no other test saves."""
    tool.operate("Rename")
    field = tool.rows().first.get_by_role("textbox", name="Rename")
    field.fill(name)
    field.press("Enter")


def complete(tool: RoiTool) -> None:
    """Wait until all of the image is there."""
    tool.page.wait_for_function(
        "() => window.__viewer.viewer.layers.some((l) => l.volume?.complete)", timeout=30_000
    )


def test_ROI_05_ROI_07_ROI_15_ROI_x02_the_list_tells_matrix_subject_and_size(
    tool: RoiTool,
) -> None:
    tool.new()
    row = tool.rows().first
    matrix = re.search(r"(\d+) × (\d+) × (\d+)", row.inner_text())
    assert matrix
    assert sorted(map(int, matrix.groups())) == sorted(SHAPE)
    assert "S-0001" in row.inner_text()
    assert "0 mL" in row.inner_text()
    assert row.get_attribute("aria-current") == "true"
    tool.new()
    assert row.get_attribute("aria-current") == "false"
    tool.button("Draw on this ROI").click()
    assert row.get_attribute("aria-current") == "true"
    tool.size(14, 3)
    tool.stroke((0.5, 0.5))
    tool.wait_voxels(lambda n: n > 0, "drawn on the first")
    assert tool.voxels(1) == 0
    # The pencil of the viewbar does the same (ROI-15).
    bar = tool.page.get_by_test_id("layer-bar").filter(has_text="mask_untitled1").first
    bar.get_by_role("button", name="Draw on this ROI").click()
    assert tool.rows().nth(1).get_attribute("aria-current") == "true"


def test_ROI_x03_names_count_up_and_all_are_saved_together(tool: RoiTool) -> None:
    tool.new().new()
    names = [tool.rows().nth(n).inner_text() for n in range(2)]
    assert "mask_untitled0" in names[0]
    assert "mask_untitled1" in names[1]
    tool.size(14, 3)
    for row in range(2):
        tool.button("Draw on this ROI", row).click()
        tool.stroke((0.4 + row / 10, 0.5))
        tool.wait_voxels(lambda n: n > 0, "drawn", row)
    tool.panel.get_by_role("button", name="Save all").click()
    unsaved = tool.panel.get_by_role("img", name="not saved")
    wait_until(lambda: unsaved.count() == 0, "both are saved", within_s=30)


def test_ROI_06_ROI_08_ROI_12_focus_visibility_and_clear(tool: RoiTool) -> None:
    tool.new()
    tool.size(8, 3)
    tool.stroke((0.6, 0.4))
    drawn = tool.wait_voxels(lambda n: n > 0, "drawn")
    aside = tool.page.evaluate(
        """() => {
            const v = window.__viewer.viewer;
            v.setCrosshair([v.crosshair[0] + 9, v.crosshair[1] + 9, v.crosshair[2] + 9]);
            return [...v.crosshair];
        }"""
    )
    tool.button("Go to its centre").click()
    centre = tool.desktop.wait_state(lambda s: s["crosshair"] != aside, "moved")["crosshair"]
    rename(tool, "with_a_centre")
    tool.save()
    rows = tool.desktop.service.items("/projects/default/files")
    row = next(row for row in rows if row["name"] == "with_a_centre.nii.gz")
    assert "mask" in row["tags"]
    segment = tool.desktop.service.get(f"/files/{row['id']}/rois")["segments"][0]
    assert np.allclose(centre, segment["center_mm"], atol=0.01)
    tool.button("Hide in all viewports").click()
    assert not tool.look()["visible"]
    tool.button("Show in all viewports").click()
    assert tool.look()["visible"]
    tool.operate("Clear")
    tool.wait_voxels(lambda n: n == 0, "cleared")
    tool.page.keyboard.press("Control+z")
    tool.wait_voxels(lambda n: n == drawn, "and back")


def test_ROI_11_a_downloaded_roi_has_the_voxels_and_the_affine(tool: RoiTool) -> None:
    tool.new()
    tool.size(14, 3)
    tool.stroke((0.45, 0.5), (0.55, 0.45))
    drawn = tool.wait_voxels(lambda n: n > 0, "drawn")
    with tool.page.expect_download() as told:
        tool.operate("Download")
    body = gzip.decompress(Path(told.value.path()).read_bytes())
    image = nib.Nifti1Image.from_bytes(body)
    reference = next(
        row
        for row in tool.desktop.service.items("/projects/default/files")
        if row["path"].endswith(IMAGE)
    )
    psid = reference["psid"].split("#", 1)
    folder = tool.desktop.service.folder.projects / "default" / psid[0] / psid[1]
    original = nib.load(folder / reference["path"])
    assert np.array_equal(image.affine, original.affine)
    assert image.header["sform_code"] == original.header["sform_code"]
    assert np.asarray(image.dataobj).sum() == drawn


def test_ROI_09_ROI_20_ROI_21_operations_opacity_and_outlines(tool: RoiTool) -> None:
    tool.new()
    tool.rows().first.get_by_role("button", name="Operations").click()
    items = tool.page.get_by_role("menuitem")
    names = " ".join(items.all_inner_texts())
    for name in ("Erode", "Fill holes", "Union", "Remove salt", "Crop", "Clear", "Delete"):
        assert name in names
    tool.page.keyboard.press("Escape")
    tool.unfold("Options")
    tool.panel.get_by_role("slider", name="Opacity").fill("0.8")
    assert tool.look()["opacity"] == 0.8
    tool.option("Outlines", on=False)
    assert not tool.look()["outline"]
    tool.option("Outlines")
    assert tool.look()["outline"]
    tool.panel.get_by_role("slider", name="Opacity").fill("0.4")


def test_ROI_19_live_preview_shows_and_draws_nothing(tool: RoiTool) -> None:
    tool.new()
    tool.size(14, 3)
    tool.pen("Magic pen, unconnected")
    preview = tool.page.locator("path.preview")
    tool.page.mouse.move(*tool.at((0.4, 0.4)))
    tool.page.mouse.move(*tool.at((0.5, 0.5)), steps=3)
    wait_until(lambda: preview.count() > 0, "the preview")
    assert tool.voxels() == 0
    tool.option("Live preview", on=False)
    tool.page.mouse.move(*tool.at((0.5, 0.5)), steps=3)
    wait_until(lambda: preview.count() == 0, "no preview")
    tool.option("Live preview")


def test_ROI_23_threshold_pen_with_growing_takes_what_is_joined_with_the_middle(
    tool: RoiTool,
) -> None:
    tool.new()
    complete(tool)
    tool.size(60, 60)
    tool.pen("Threshold pen")
    tool.panel.get_by_role("button", name="Higher").click()
    tool.panel.get_by_role("combobox", name="Voxels").select_option("plain")
    tool.stroke((0.5, 0.5))
    loose = tool.wait_voxels(lambda n: n > 0, "everywhere")
    tool.page.keyboard.press("Control+z")
    tool.panel.get_by_role("combobox", name="Voxels").select_option("grow")
    tool.stroke((0.5, 0.5))
    tool.wait_voxels(lambda n: 0 < n <= loose, "joined")
    tool.page.keyboard.press("Control+z")
    tool.panel.get_by_role("button", name="Lower").click()
    tool.stroke((0.5, 0.5))
    assert tool.voxels() == 0
    tool.panel.get_by_role("combobox", name="Voxels").select_option("plain")
    tool.panel.get_by_role("button", name="Higher").click()


def test_ROI_30_an_image_is_dragged_onto_the_tool(tool: RoiTool) -> None:
    complete(tool)
    tool.page.get_by_test_id("layer-bar").first.drag_to(tool.panel)
    tool.page.get_by_role("menuitem", name="Empty").click()
    wait_until(lambda: tool.rows().count() == 1, "a ROI from the viewbar")
    tool.desktop.find_row(IMAGE).drag_to(tool.panel)
    tool.page.get_by_role("menuitem", name="Larger than").click()
    wait_until(lambda: tool.rows().count() == 2, "a ROI from the table")
    tool.wait_voxels(lambda n: n > 0, "above the limit", row=1)


def test_ROI_32_the_viewbar_of_an_image_makes_a_roi(tool: RoiTool) -> None:
    complete(tool)
    bar = tool.page.get_by_test_id("layer-bar").first
    bar.hover()
    bar.get_by_role("button", name="New ROI from this image…").click()
    assert tool.page.get_by_role("menuitem").count() == 3
    tool.page.get_by_role("menuitem", name="Smaller than").click()
    wait_until(lambda: tool.rows().count() == 1, "a ROI")


def test_ROI_x05_a_file_with_the_tag_mask_opens_as_roi(tool: RoiTool) -> None:
    tool.new()
    tool.size(14, 3)
    tool.stroke((0.5, 0.5))
    drawn = tool.wait_voxels(lambda n: n > 0, "drawn")
    rename(tool, "to_open_again")
    tool.save()
    tool.operate("Delete")
    wait_until(lambda: tool.rows().count() == 0, "closed")
    tool.desktop.open_file("to_open_again.nii.gz")
    wait_until(lambda: tool.rows().count() == 1, "a ROI", within_s=30)
    tool.wait_voxels(lambda n: n == drawn, "with its voxels")


def test_ROI_02_a_roi_of_one_slice_has_its_place_in_space(tool: RoiTool) -> None:
    affine = np.array([[2.0, 0, 0, -30], [0, 2, 0, -40], [0, 0, 5, 17], [0, 0, 0, 1]])
    body = nib.Nifti1Image(np.arange(1200, dtype=np.int16).reshape(40, 30, 1), affine).to_bytes()
    service = tool.desktop.service
    study = service.items("/projects/default/studies")[0]["psid"].split("#", 1)
    key = service.upload("flat.nii", body, subject=study[0], study=study[1])["key"]
    assert service.closed(key)["state"] == "done"
    tool.page.reload()
    tool.desktop.ready()
    tool.desktop.open_file("flat.nii")
    complete(tool)
    tool.open().new()
    tool.size(20, 3)
    tool.stroke((0.5, 0.5))
    drawn = tool.wait_voxels(lambda n: n > 0, "drawn")
    with tool.page.expect_download() as told:
        tool.operate("Download")
    image = nib.Nifti1Image.from_bytes(gzip.decompress(Path(told.value.path()).read_bytes()))
    assert image.shape == (40, 30, 1)
    assert np.array_equal(image.affine, affine)
    assert np.asarray(image.dataobj).sum() == drawn
