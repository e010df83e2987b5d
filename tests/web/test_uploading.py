"""Uploads in the page: into the study that is chosen, or to whom the data say they belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from appliance.upkeep.demo_dicom import MadePatient
from tests.support.samples import tiny_series
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop


def receipts_since(service: Service, known: set[str]) -> list[dict[str, Any]]:
    """The arrivals that came meanwhile and are through."""
    found = [row for row in service.receipts() if row["key"] not in known]
    return [row for row in found if row["closed_at"]]


def test_IMP_06_IMP_08_IMP_x01_a_file_goes_into_the_chosen_study_or_to_its_native_pid(
    desktop: Desktop, service: Service, tmp_path: Path
) -> None:
    page = desktop.page
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4))
    image.to_filename(tmp_path / "my_mask.nii")
    [*_, instance] = tiny_series(tmp_path / "new", patient=MadePatient("DEMO^NP", "DEMO-NP"))

    desktop.go("/upload?mode=study")
    chooser = page.get_by_test_id("files")
    page.get_by_text("Choose the subject below first").wait_for()
    page.get_by_label("Subject", exact=True).fill("S-0999")
    page.get_by_label("Study", exact=True).fill("visit1")
    page.get_by_text("Everything goes to S-0999 / visit1").wait_for()
    known = {row["key"] for row in service.receipts()}
    chooser.set_input_files([str(tmp_path / "my_mask.nii"), str(instance)])
    wait_until(lambda: len(receipts_since(service, known)) == 2, "both have come")
    found = receipts_since(service, known)
    assert {tuple(row["studies"]) for row in found} == {("S-0999#visit1",)}

    page.get_by_label("With native PID").check()
    page.get_by_label("Subject", exact=True).fill("")
    known = {row["key"] for row in service.receipts()}
    chooser.set_input_files(str(tmp_path / "my_mask.nii"))
    wait_until(lambda: receipts_since(service, known), "it has come")
    page.get_by_text("choose the study that it belongs to").wait_for()
