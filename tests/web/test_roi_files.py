"""What happens around the file of a ROI: other programs, other people, files of this computer."""

from __future__ import annotations

import base64
import gzip
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from playwright.sync_api import expect

from appliance.client import Client
from tests.support.browser import Watched
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop
from tests.web.roi_tool import RoiTool

pytestmark = [pytest.mark.browser, pytest.mark.system]

IMAGE = "t1_mprage_3/s001.nii"
PATIENT_MS = 30_000
DROP = """([name, text]) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name));
    const tool = document.querySelector('[data-testid="roi-tool"]');
    const box = tool.getBoundingClientRect();
    const at = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
    for (const type of ['dragenter', 'dragover', 'drop'])
        tool.dispatchEvent(new DragEvent(type,
            {bubbles: true, cancelable: true, dataTransfer: transfer, ...at}));
}"""


@pytest.fixture
def tool(desktop: Desktop) -> Iterator[RoiTool]:
    """The tool with the image open and no ROI."""
    desktop.page.on("dialog", lambda dialog: dialog.accept())
    desktop.open_file(IMAGE)
    desktop.drawn()
    yield RoiTool(desktop).open()
    desktop.page.evaluate("indexedDB.deleteDatabase('nora-roi')")


@pytest.fixture
def nora(service: Service) -> Iterator[Client]:
    """Somebody else, who works with Python."""
    with Client(socket=service.folder.socket_path) as client:
        yield client


def draw(tool: RoiTool, name: str) -> int:
    """Draw a ROI of some name and save it; its voxels."""
    tool.new()
    tool.size(14, 3)
    tool.stroke((0.45, 0.5), (0.55, 0.5))
    drawn = tool.wait_voxels(lambda n: n > 0, "drawn")
    tool.operate("Rename")
    field = tool.rows().first.get_by_role("textbox", name="Rename")
    field.fill(name)
    field.press("Enter")
    tool.save()
    return drawn


def stored(nora: Client, path: str) -> Any:
    """A file of the project by its path."""
    (found,) = nora.select("default", path)
    return nora.file(found.file_id)


def test_ROI_09_issue_5_7_the_menu_of_a_saved_roi_leads_to_other_programs_and_to_dicom(
    tool: RoiTool, nora: Client
) -> None:
    page = tool.page
    tool.new()
    tool.rows().first.get_by_role("button", name="Operations").click()
    expect(page.get_by_role("menuitem", name="Rename")).to_be_visible(timeout=PATIENT_MS)
    assert page.get_by_role("menuitem", name="Edit elsewhere…").count() == 0  # no file yet
    page.keyboard.press("Escape")
    tool.operate("Delete")
    drawn = draw(tool, "taken_along")
    tool.operate("Edit elsewhere…")
    page.get_by_role("button", name="FSLeyes", exact=True).click()
    command = page.get_by_test_id("checkout-command").input_value(timeout=PATIENT_MS)
    copy = next(word for word in shlex.split(command) if "taken_along" in word)
    assert np.asarray(nib.load(copy).dataobj).sum() == drawn
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0, timeout=PATIENT_MS)
    tool.operate("Export as DICOM…")
    # The image that the ROI was drawn on is chosen already.
    page.get_by_role("button", name="Export", exact=True).click()
    said = page.get_by_text("taken_along.seg.dcm was saved")
    expect(said).to_be_visible(timeout=PATIENT_MS)
    assert stored(nora, "taken_along.seg.dcm").size_bytes > 0
    for one in nora.checkouts("default"):
        nora.release("default", one["key"], discard=True)


def test_ROI_10_a_file_that_somebody_else_changed_is_never_overwritten_unasked(
    tool: RoiTool, nora: Client, watched: Watched
) -> None:
    page = tool.page
    draw(tool, "contested")
    image = stored(nora, IMAGE)

    def interfere(name: str) -> np.ndarray:
        row = stored(nora, name)
        theirs = np.zeros(nora.roi(row.id).shape, bool)
        theirs[:2] = True
        nora.save_roi(row.study_id, name, theirs, reference=image, version=row.version)
        return theirs

    def press_save(answer: str) -> int:
        # One more stroke, which the other one's save must not swallow.
        before = tool.voxels()
        tool.stroke((0.45, 0.4 if answer == "Replace it" else 0.6))
        mine = tool.wait_voxels(lambda n: n > before, "drawn on")
        tool.button("Save").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_text("was changed by somebody else").wait_for(timeout=PATIENT_MS)
        dialog.get_by_role("button", name=answer).click()
        unsaved = tool.rows().first.get_by_role("img", name="not saved")
        expect(unsaved).to_have_count(0, timeout=PATIENT_MS)
        return mine

    theirs = interfere("contested.nii.gz")
    mine = press_save("Save under a new name")
    assert np.array_equal(nora.roi(stored(nora, "contested.nii.gz").id), theirs)
    assert nora.roi(stored(nora, "contested_1.nii.gz").id).sum() == mine
    theirs = interfere("contested_1.nii.gz")
    mine = press_save("Replace it")
    row = stored(nora, "contested_1.nii.gz")
    assert nora.roi(row.id).sum() == mine
    # What was replaced is kept as an earlier version.
    assert any(
        np.array_equal(nora.roi(row.id, kept=one["n"]), theirs)
        for one in nora.versions(row.id)
        if not one["is_current"]
    )
    # The refusals are answers, which browsers note as errors of their own.
    watched.errors[:] = [one for one in watched.errors if "409 (Conflict)" not in one]


def test_two_raters_are_compared_in_the_window_of_versions(tool: RoiTool, nora: Client) -> None:
    page = tool.page
    draw(tool, "rater_a")
    row = stored(nora, "rater_a.nii.gz")
    first = np.asarray(nora.roi(row.id)) > 0
    second = first.copy()
    second[: int(np.argwhere(first)[:, 0].mean()) + 1] = False
    nora.save_roi(
        row.study_id, "rater_b.nii.gz", second, reference=stored(nora, IMAGE), tags=["mask"]
    )
    tool.desktop.open_file("rater_b.nii.gz")
    expect(tool.rows()).to_have_count(2, timeout=PATIENT_MS)
    tool.wait_voxels(lambda n: n == second.sum(), "the second rater's", row=1)
    tool.operate("Versions and comparison…")
    window = page.get_by_test_id("roi-versions")
    # There is one version: the other rater's file is what it is compared with.
    other = window.get_by_role("combobox", name="Second").locator("option:checked")
    expect(other).to_contain_text("rater_b", timeout=PATIENT_MS)
    dice = 2 * (first & second).sum() / (first.sum() + second.sum())
    table = page.get_by_test_id("roi-agreement")
    expect(table.get_by_text(f"{dice:.4f}")).to_be_visible(timeout=PATIENT_MS)
    window.get_by_role("button", name="Show difference").click()
    expect(window).to_have_count(0, timeout=PATIENT_MS)
    drawn = """() => window.__viewer.viewer.layers
        .filter((l) => l.name.startsWith('only in'))
        .map((l) => l.volume.frameSamples(0).reduce((n, v) => n + (v > 0), 0))"""
    wait_until(
        lambda: page.evaluate(drawn) == [int((first & ~second).sum()), 0],
        "what only the first rater has",
        within_s=30,
        show=lambda: page.evaluate(drawn),
    )


def test_ROI_30_ROI_34_a_file_of_this_computer_dropped_on_the_tool_gives_its_grid(
    tool: RoiTool,
) -> None:
    page = tool.page
    affine = np.array([[0, -1.5, 0, 20], [1.5, 0, 0, -10], [0, 0, 2.5, 5], [0, 0, 0, 1.0]])
    values = np.zeros((20, 24, 16), np.int16)
    values[5:15, 6:18, 4:12] = 100
    body = nib.Nifti1Image(values, affine).to_bytes()
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(f"{asked.method} {asked.url}"))
    page.evaluate(DROP, ["from_my_disk.nii", base64.b64encode(body).decode()])
    page.get_by_role("menuitem", name="Larger than").click(timeout=PATIENT_MS)
    tool.wait_voxels(lambda n: n == (values > 0).sum(), "above the limit")
    assert tool.rows().first.inner_text().count("20 × 24 × 16") == 1
    # Its study is unknown: it is not sent anywhere, and stays unsaved until it is downloaded.
    tool.button("Save").click()
    with page.expect_download(timeout=PATIENT_MS) as told:
        tool.operate("Download")
    assert tool.rows().first.get_by_role("img", name="not saved").count() == 1
    image = nib.Nifti1Image.from_bytes(gzip.decompress(Path(told.value.path()).read_bytes()))
    assert np.array_equal(np.asarray(image.dataobj) > 0, values > 0)
    assert np.array_equal(image.affine, affine)
    assert not [one for one in sent if not one.startswith("GET ") or "from_my_disk" in one]
