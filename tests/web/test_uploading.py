"""Uploads in the page: into the study that is chosen, or to whom the data say they belong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from playwright.sync_api import expect

from appliance.upkeep.demo_dicom import MadePatient
from tests.support.samples import tiny_series
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

if TYPE_CHECKING:
    from playwright.sync_api import Route

PART_BYTES = 16 << 20


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


def test_IMP_06_an_upload_is_paused_and_goes_on_where_it_was(
    desktop: Desktop, service: Service, tmp_path: Path
) -> None:
    page = desktop.page
    image = nib.Nifti1Image(np.ones((64, 64, 1152), np.float32), np.eye(4))  # 18 MiB: two parts
    name = f"large_map{'_of_many_words' * 12}.nii"
    image.to_filename(tmp_path / name)
    offsets: list[str] = []
    held: list[Route] = []

    def part(route: Route) -> None:
        """Let parts through; the first try of the second one stays on its way."""
        offsets.append(route.request.url.rpartition("=")[2])
        if offsets.count(str(PART_BYTES)) == 1 and offsets[-1] == str(PART_BYTES):
            held.append(route)
        else:
            route.continue_()

    page.route(re.compile(r"/uploads/[^?]+\?offset=\d+$"), part)
    desktop.go("/upload?mode=study&subject=S-0998&study=visit1")
    page.get_by_text("Everything goes to S-0998 / visit1").wait_for()
    known = {row["key"] for row in service.receipts()}
    page.get_by_test_id("files").set_input_files(str(tmp_path / name))
    row = page.get_by_role("listitem").filter(has_text="large_map")
    bar = row.get_by_role("progressbar")
    wait_until(lambda: held or page.wait_for_timeout(20), "the second part is on its way")
    expect(bar).to_have_attribute("aria-valuenow", re.compile("^(8[89]|9)"))
    pause = row.get_by_role("button", name="Pause", exact=True)
    expect(pause).to_be_in_viewport()  # however long the name is
    pause.click()
    expect(row).to_contain_text("paused at 16.8 MB of 18.9 MB")
    expect(page.get_by_role("button", name="Pause all")).to_have_count(0)
    assert not receipts_since(service, known)
    row.get_by_role("button", name="Go on", exact=True).click()
    expect(row).to_contain_text("done", timeout=60_000)
    assert offsets == ["0", str(PART_BYTES), str(PART_BYTES), *offsets[3:]]
    assert offsets.count("0") == 1  # nothing was sent twice that had come
    [came] = receipts_since(service, known)
    assert (came["studies"], came["state"]) == (["S-0998#visit1"], "done")
    expect(row.get_by_role("link", name="See the arrival")).to_be_visible()
