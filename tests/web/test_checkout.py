"""Editing elsewhere and DICOM documents from the menus of the table."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel
import numpy as np
import pytest
from playwright.sync_api import expect

from appliance.client import Client
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.support.service import Service

pytestmark = [pytest.mark.browser, pytest.mark.system]

PATIENT_MS = 30_000


@pytest.fixture
def mask(service: Service) -> str:
    """Save a mask on the grid of the image that came from DICOM; its path."""
    with Client(socket=service.folder.socket_path) as nora:
        (image,) = nora.select("default", "t1*/s001.nii")
        row = nora.file(image.file_id)
        drawn = np.zeros(nibabel.load(image.absolute_path).shape, bool)
        drawn[10:20, 12:20, 8:14] = True
        made = nora.save_roi(row.study_id, "edit/spot.nii.gz", drawn, reference=row, tags=["mask"])
        return made["file"]["path"]


@pytest.fixture
def released(service: Service) -> object:
    """Leave nothing behind that later tests would see."""
    yield
    with Client(socket=service.folder.socket_path) as nora:
        for one in nora.checkouts("default"):
            nora.release("default", one["key"], discard=True)
        files = [one.file_id for one in nora.select("default", "edit/*")]
        nora.trash(files=files)


def choose(desktop: Desktop, name: str, item: str) -> None:
    desktop.unfold_all()
    desktop.row_of(name).click(button="right")
    desktop.page.get_by_role("menuitem", name=item).click()


def rows(page: Page) -> Locator:
    return page.get_by_test_id("checkouts").get_by_role("listitem")


def test_issue_5_7_a_mask_goes_to_a_program_and_comes_back_as_a_version(
    desktop: Desktop, service: Service, mask: str, released: object
) -> None:
    page = desktop.page
    choose(desktop, Path(mask).name, "Edit elsewhere…")
    page.get_by_role("button", name="ITK-SNAP").click()
    command = page.get_by_test_id("checkout-command").input_value(timeout=PATIENT_MS)
    program, _, below, _, copy = shlex.split(command)
    assert program == "itksnap"
    expect(rows(page)).to_have_count(1, timeout=PATIENT_MS)
    expect(rows(page).first).to_contain_text("Nothing saved yet")
    found = nibabel.load(copy)
    assert found.shape == nibabel.load(below).shape
    data = np.asarray(found.dataobj).copy()
    data[0, 0, 0] = 1
    nibabel.save(nibabel.Nifti1Image(data, found.affine, found.header), copy)
    expect(rows(page).first).to_contain_text("1 saved", timeout=PATIENT_MS)
    with Client(socket=service.folder.socket_path) as nora:
        (row,) = nora.select("default", mask)
        assert nora.roi(row.file_id)[0, 0, 0]
        first = nora.versions(row.file_id)[0]
        assert (first["n"], first["note"]) == (2, "ITK-SNAP, from version 1")
    nibabel.save(nibabel.Nifti1Image(data[:5], np.diag([9.0, 9, 9, 1])), copy)
    expect(rows(page).first).to_contain_text("Could not be saved", timeout=PATIENT_MS)
    expect(rows(page).first).to_contain_text("another grid")
    page.get_by_role("button", name="Save as a file of its own").click()
    expect(page.get_by_role("button", name="Release", exact=True)).to_be_visible(timeout=PATIENT_MS)
    page.get_by_role("button", name="Release", exact=True).click()
    expect(page.get_by_text("Nothing is edited elsewhere")).to_be_visible(timeout=PATIENT_MS)
    wait_until(lambda: not Path(copy).exists(), "the work folder is gone")


def test_ROI_03_a_mask_is_exported_and_the_document_becomes_rois(
    desktop: Desktop, service: Service, mask: str, released: object
) -> None:
    page = desktop.page
    choose(desktop, Path(mask).name, "Export as DICOM…")
    dialog = page.get_by_test_id("dicom-export")
    expect(dialog.get_by_label("Image it was drawn on")).to_be_visible(timeout=PATIENT_MS)
    dialog.get_by_label("Structure set (RTSTRUCT)").check()
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.get_by_text("edit/spot.rtstruct.dcm was saved")).to_be_visible(timeout=PATIENT_MS)
    expect(desktop.row_of("spot.rtstruct.dcm")).to_be_visible(timeout=PATIENT_MS)
    choose(desktop, "spot.rtstruct.dcm", "Make ROIs of it")
    expect(page.get_by_text("edit/spot_rois.nii.gz was made")).to_be_visible(timeout=PATIENT_MS)
    with Client(socket=service.folder.socket_path) as nora:
        (old,), (new,) = (nora.select("default", f"edit/{n}.nii.gz") for n in ("spot", "spot_rois"))
        assert np.array_equal(nora.roi(old.file_id), nora.roi(new.file_id))
