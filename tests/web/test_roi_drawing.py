"""ROIs drawn in a real browser: list, pens, undo, recovery, and what is saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.support.browser import Watched
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.conftest import SHAPE
from tests.web.pages import Desktop
from tests.web.roi_tool import RoiTool

pytestmark = [pytest.mark.browser, pytest.mark.system]

IMAGE = "t1_mprage_3/s001.nii"


@pytest.fixture
def tool(desktop: Desktop) -> Iterator[RoiTool]:
    """The tool with the image open and one empty ROI."""
    desktop.page.on("dialog", lambda dialog: dialog.accept())
    desktop.open_file(IMAGE)
    desktop.drawn()
    found = RoiTool(desktop).open().new()
    found.size(10, 3)
    yield found
    # What is not saved would be offered to the next test of this profile.
    desktop.page.evaluate("indexedDB.deleteDatabase('nora-roi')")


def stored(service: Service, name: str) -> tuple[dict, Path]:
    """A file of the study and where it lies."""
    rows = service.items("/projects/default/files")
    row = next(row for row in rows if row["name"] == name)
    pid, sid = row["psid"].split("#", 1)
    return row, service.folder.projects / "default" / pid / sid / row["path"]


def test_ROI_01_ROI_10_ROI_34_a_drawn_roi_has_exactly_the_grid_of_its_image(
    tool: RoiTool, service: Service
) -> None:
    tool.stroke((0.45, 0.5), (0.55, 0.56), (0.5, 0.4))
    tool.stroke((0.5, 0.5), (0.52, 0.45), kind="sagittal")
    drawn = tool.wait_voxels(lambda n: n > 20, "voxels are on")
    tool.operate("Rename")
    field = tool.rows().first.get_by_role("textbox", name="Rename")
    field.fill("drawn_by_hand")
    field.press("Enter")
    tool.save()
    row, path = stored(service, "drawn_by_hand.nii.gz")
    assert "mask" in row["tags"]
    _, reference_path = stored(service, "s001.nii")
    saved, reference = nib.load(path), nib.load(reference_path)
    data = np.asarray(saved.dataobj)
    assert np.array_equal(saved.affine, reference.affine)
    for code in ("sform_code", "qform_code"):
        assert saved.header[code] == reference.header[code]
    assert data.shape == reference.shape
    assert data.dtype == np.uint8
    assert set(np.unique(data)) == {0, 1}
    assert data.sum() == drawn


def test_ROI_14_ROI_16_ROI_17_VIEW_21_left_draws_right_erases_shift_disables_space_toggles(
    tool: RoiTool,
) -> None:
    page = tool.page
    tool.stroke((0.4, 0.5), (0.6, 0.5))
    full = tool.wait_voxels(lambda n: n > 0, "drawn")
    tool.stroke((0.5, 0.5), (0.6, 0.5), button="right")
    half = tool.wait_voxels(lambda n: 0 < n < full, "erased in part")
    page.keyboard.down("Shift")
    tool.stroke((0.3, 0.3), (0.32, 0.3))
    page.keyboard.up("Shift")
    page.keyboard.press("Space")
    tool.stroke((0.5, 0.4), (0.52, 0.4))
    assert tool.voxels() == half
    page.keyboard.press("Space")
    tool.stroke((0.5, 0.5), (0.6, 0.5))
    tool.wait_voxels(lambda n: n > half, "drawing is on again")


def test_ROI_45_VIEW_25_undo_and_redo_go_over_strokes_operations_and_rois(tool: RoiTool) -> None:
    page = tool.page
    tool.stroke((0.4, 0.5), (0.6, 0.5))
    first = tool.wait_voxels(lambda n: n > 0, "drawn")
    tool.operate("Dilate")
    tool.wait_voxels(lambda n: n > first, "dilated")
    tool.operate("Invert")
    tool.wait_voxels(lambda n: n > np.prod(SHAPE) / 2, "inverted")
    tool.new()
    for _ in range(3):
        page.keyboard.press("Control+z")
    assert tool.rows().count() == 1
    assert tool.voxels() == first
    page.keyboard.press("Control+z")
    assert tool.voxels() == 0
    page.keyboard.press("Control+Shift+z")
    assert tool.voxels() == first
    page.keyboard.press("Control+Shift+z")
    tool.wait_voxels(lambda n: n > first, "dilated again")


def test_a_stroke_that_ends_outside_the_window_is_not_lost(tool: RoiTool) -> None:
    tool.stroke((0.4, 0.5), (0.6, 0.5), release_at=(3, 3))
    drawn = tool.wait_voxels(lambda n: n > 0, "drawn")
    tool.page.mouse.move(*tool.at((0.5, 0.2)), steps=4)
    assert tool.voxels() == drawn
    tool.page.keyboard.press("Control+z")
    assert tool.voxels() == 0


def test_unsaved_rois_survive_a_crash(tool: RoiTool) -> None:
    page = tool.page
    tool.stroke((0.4, 0.5), (0.6, 0.5))
    drawn = tool.wait_voxels(lambda n: n > 0, "drawn")
    kept = """() => new Promise((done) => {
        const asked = indexedDB.open('nora-roi', 1);
        asked.onupgradeneeded = () => asked.transaction.abort();
        asked.onerror = () => done(0);
        asked.onsuccess = () => {
          const db = asked.result;
          const all = db.transaction('drafts').objectStore('drafts').getAll();
          all.onsuccess = () => {
            db.close();
            const runs = all.result.flatMap((draft) => [...draft.frames[0]]);
            done(runs.reduce((sum, n, i) => sum + (i % 2 ? n : 0), 0));
          };
        };
    })"""
    wait_until(lambda: page.evaluate(kept) == drawn, "the draft is kept", within_s=30)
    page.reload()
    tool.desktop.ready()
    tool.open()
    page.get_by_role("button", name="Recover").click()
    wait_until(lambda: tool.rows().count() == 1, "the ROI is back", within_s=60)
    tool.wait_voxels(lambda n: n == drawn, "with all its voxels")


def test_ROI_31_threshold_creation_uses_the_lower_limit(tool: RoiTool, service: Service) -> None:
    _, path = stored(service, "s001.nii")
    data = np.asarray(nib.load(path).dataobj)
    limit = tool.page.evaluate("window.__viewer.viewer.layers[0].limits.low")
    for item, wanted in (
        ("Larger than the lower limit", data > limit),
        ("Smaller than the lower limit", (data < limit) & (data != 0)),
    ):
        row = tool.rows().count()
        tool.new_from(item)
        tool.wait_voxels(lambda n, m=wanted: n == m.sum(), item, row=row)


def test_ROI_04_ROI_33_the_tool_opens_by_its_key_and_a_roi_is_made_by_another(
    watched: Watched, service: Service
) -> None:
    desktop = Desktop(watched.page, service).log_in()
    desktop.open_file(IMAGE)
    desktop.drawn()
    tool = RoiTool(desktop)
    desktop.page.keyboard.press("d")
    tool.panel.wait_for()
    desktop.page.keyboard.press("Shift+N")
    wait_until(lambda: tool.rows().count() == 1, "a ROI")
    tool.stroke((0.45, 0.5), (0.5, 0.5))
    tool.wait_voxels(lambda n: n > 0, "drawn")
    desktop.page.keyboard.press("Control+z")
    assert tool.voxels() == 0
