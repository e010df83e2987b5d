"""The window of ROI statistics and the versions of a mask, in a real browser."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest

from tests.support.browser import Watched
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop
from tests.web.roi_tool import RoiTool

if TYPE_CHECKING:
    from playwright.sync_api import Request

pytestmark = [pytest.mark.browser, pytest.mark.system]

IMAGE = "t1_mprage_3/s001.nii"


@pytest.fixture
def tool(desktop: Desktop) -> Iterator[RoiTool]:
    """The tool with the image open and one ROI that is drawn."""
    desktop.page.on("dialog", lambda dialog: dialog.accept())
    desktop.open_file(IMAGE)
    desktop.drawn()
    found = RoiTool(desktop).open().new()
    found.size(14, 3)
    found.stroke((0.45, 0.5), (0.55, 0.5))
    found.wait_voxels(lambda n: n > 0, "drawn")
    yield found
    desktop.page.evaluate("indexedDB.deleteDatabase('nora-roi')")


def rename(tool: RoiTool, name: str) -> None:
    """Give the first ROI a name."""
    tool.operate("Rename")
    field = tool.rows().first.get_by_role("textbox", name="Rename")
    field.fill(name)
    field.press("Enter")


def place(service: Service, ending: str) -> Path:
    """Where a file of the study lies."""
    rows = service.items("/projects/default/files")
    row = next(row for row in rows if row["path"].endswith(ending))
    pid, sid = row["psid"].split("#", 1)
    return service.folder.projects / "default" / pid / sid / row["path"]


def open_statistics(tool: RoiTool) -> None:
    """Open the window and wait for its rows."""
    tool.panel.get_by_role("button", name="Statistics").click()
    tool.page.get_by_test_id("roistat-row").first.wait_for()


def saved_csv(tool: RoiTool) -> list[dict[str, str]]:
    """The rows as the file that is downloaded."""
    window = tool.page.get_by_test_id("roi-statistics")
    with tool.page.expect_download() as told:
        window.get_by_role("button", name="CSV").click()
    text = Path(told.value.path()).read_text("utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def test_ROI_38_ROI_39_ROI_40_ROI_41_ROI_42_ROI_43_ROI_44_numbers_are_those_of_numpy(
    tool: RoiTool, service: Service
) -> None:
    rename(tool, "measured")
    tool.save()
    image = nib.load(place(service, IMAGE))
    values = np.asarray(image.dataobj)[
        np.asarray(nib.load(place(service, "measured.nii.gz")).dataobj) > 0
    ]
    open_statistics(tool)
    (row,) = saved_csv(tool)
    voxel_ml = abs(np.linalg.det(image.affine[:3, :3])) / 1000
    for name, value in {
        "median": np.median(values),
        "iqr1": np.percentile(values, 25),
        "iqr2": np.percentile(values, 75),
        "mean": values.mean(),
        "std": values.std(),
        "minimum": values.min(),
        "maximum": values.max(),
        "p5": np.percentile(values, 5),
        "p95": np.percentile(values, 95),
        "n_voxels": len(values),
        "volume_ml": len(values) * voxel_ml,
    }.items():
        assert float(row[name]) == pytest.approx(float(value)), name
    assert float(row["area_cm2"]) > 0
    assert int(row["components"]) == 1
    assert float(row["surface_mm2"]) > 0
    tool.page.get_by_test_id("roistat-histogram").wait_for()


def test_ROI_39_bug_15_all_rois_by_all_images_overlays_too(tool: RoiTool) -> None:
    page = tool.page
    tool.new()
    open_statistics(tool)
    wait_until(lambda: page.get_by_test_id("roistat-row").count() == 2, "two ROIs in one image")
    page.keyboard.press("Escape")
    page.evaluate(
        """() => {
            const { viewer } = window.__viewer;
            const row = viewer.layers.find((l) => l.row).row;
            return viewer.open({ ...row, id: row.id }, 'overlay').then(() => true);
        }"""
    )
    open_statistics(tool)
    # The same file as image and as overlay counts once.
    assert page.get_by_test_id("roistat-row").count() == 2
    empty = page.get_by_test_id("roistat-row").nth(1).locator("[data-column=mean]")
    assert empty.inner_text() == "–"


def asks(request: Request, field: str, on: bool) -> bool:
    """Whether a request asks for statistics by a rule."""
    wanted = request.url.endswith("/rois/statistics")
    return wanted and (request.post_data_json or {}).get(field) is on


def test_ROI_x04_zeros_and_nora_rules_are_asked_for(tool: RoiTool) -> None:
    window = tool.page.get_by_test_id("roi-statistics")
    open_statistics(tool)
    for name, field in (("Exclude zeros", "exclude_zeros"), ("NORA compatible", "nora")):
        box = window.get_by_role("checkbox", name=name)
        for on in (True, False):
            with tool.page.expect_request(lambda r, f=field, on=on: asks(r, f, on)):
                box.set_checked(on)
    percents = window.get_by_role("textbox", name="Percentiles")
    percents.fill("2.5")
    percents.press("Tab")
    tool.page.locator("[data-column='p2.5']").first.wait_for()
    percents.fill("5, 95")
    percents.press("Tab")
    tool.page.locator("[data-column=p95]").first.wait_for()


def test_ROI_39_numbers_are_saved_as_meta_and_copied(
    tool: RoiTool, service: Service, watched: Watched
) -> None:
    rename(tool, "for_meta")
    open_statistics(tool)
    window = tool.page.get_by_test_id("roi-statistics")
    window.get_by_role("button", name="Copy").click()
    tool.page.get_by_text("Copied").first.wait_for()
    for answer in ("Save", "Replace it"):
        window.get_by_role("button", name="Save as META").click()
        window.get_by_role("button", name="Save", exact=True).click()
        if answer != "Save":
            window.get_by_role("button", name=answer).click()
        field = window.get_by_role("textbox", name="File")
        wait_until(lambda: field.count() == 0, "saved", within_s=30)  # noqa: B023
    refused = [one for one in watched.errors if "409" not in one]
    watched.errors[:] = refused
    document = json.loads(place(service, "META/roi_statistics.json").read_text("utf-8"))
    assert document["for_meta"]["n_voxels"] == tool.voxels()


def test_files_of_this_computer_are_measured_in_the_page(
    tool: RoiTool, service: Service, tmp_path: Path
) -> None:
    page = tool.page
    local = tmp_path / "local.nii"
    local.write_bytes(place(service, IMAGE).read_bytes())
    open_statistics(tool)
    (stored,) = saved_csv(tool)
    page.keyboard.press("Escape")
    page.evaluate(
        """(text) => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const file = new File([bytes], 'local.nii');
            return window.__viewer.viewer.openLocal(file, 'overlay').then(() => true);
        }""",
        base64.b64encode(local.read_bytes()).decode(),
    )
    asked: list[int] = []
    page.on("request", lambda request: asked.append(len(request.post_data_buffer or b"")))
    open_statistics(tool)
    wait_until(lambda: page.get_by_test_id("roistat-row").count() == 2, "both images")
    here = next(row for row in saved_csv(tool) if row["image"] == "local.nii")
    for name in ("median", "iqr1", "mean", "std", "p5", "volume_ml", "area_cm2", "components"):
        assert float(here[name]) == pytest.approx(float(stored[name]), rel=1e-6), name
    assert all(n < local.stat().st_size / 4 for n in asked)


def test_versions_are_listed_compared_and_brought_back(tool: RoiTool) -> None:
    page = tool.page
    rename(tool, "versioned")
    tool.save()
    first = tool.voxels()
    tool.stroke((0.5, 0.3), (0.5, 0.7))
    second = tool.wait_voxels(lambda n: n > first, "more")
    tool.save()
    tool.operate("Versions and comparison…")
    versions = page.get_by_test_id("roi-version")
    wait_until(lambda: versions.count() == 2, "two versions")
    dice = 2 * first / (first + second)
    page.get_by_test_id("roi-agreement").get_by_text(f"{dice:.4f}").wait_for()
    versions.nth(1).get_by_role("button", name="Bring back").click()
    tool.wait_voxels(lambda n: n == first, "the first version")
    wait_until(lambda: versions.count() == 3, "what was replaced is kept")
    page.get_by_role("button", name="Show difference").click()
    wait_until(lambda: page.get_by_test_id("roi-versions").count() == 0, "closed", within_s=30)
    names = [layer["name"] for layer in tool.desktop.state()["layers"]]
    assert sum(name.startswith("only in") for name in names) == 2
    page.keyboard.press("Control+z")
    tool.wait_voxels(lambda n: n == second, "undone in the viewer")
