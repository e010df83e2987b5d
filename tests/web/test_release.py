"""The last look at what leaves, and the DICOM export, in a real browser (GEN-06, B5, URL-01)."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pydicom
import pytest
from playwright.sync_api import expect

from tests.exchange.kit import write_series
from tests.support.samples import zip_of
from tests.support.service import Service
from tests.web.pages import Desktop

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.support.browser import Watched

UID = "1.2.826.0.1.3680043.10.995.1"
TRACES = (b"QX-4711", b"DOE^", b"JANE", b"19700102", UID.encode())
SLOW = 30_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with one study: an image, pictures that hold a name, and a text that tells one."""
    root = tmp_path_factory.mktemp("release")
    running = Service(root / "data").start()
    try:
        who = {"study_uid": UID, "patient_id": "QX-4711"}
        series = write_series(root / "mr", n=3, **who)
        receipt = running.closed(running.upload("mr.zip", zip_of(series))["key"])
        subject, study = receipt["studies"][0].split("#", 1)
        burned = {
            "number": 6,
            "description": "heart",
            "Modality": "US",
            "BurnedInAnnotation": "YES",
        }
        series = write_series(root / "us", n=1, **who, **burned)
        running.closed(running.upload("us.zip", zip_of(series))["key"])
        note = running.upload("notes.txt", b"doe is well", subject=subject, study=study)
        running.closed(note["key"])
        yield running
    finally:
        running.stop()


def download_all(desktop: Desktop) -> Locator:
    """Ask for all files of the study; gives the dialog of the last look."""
    page = desktop.page
    desktop.rows().first.click()
    desktop.rows().first.click(button="right")
    page.get_by_role("menuitem", name="Download…").click()
    asked = page.get_by_role("dialog", name="Download 1 study")
    asked.get_by_role("button", name="Download", exact=True).click()
    return page.get_by_role("dialog", name="Before it leaves")


def taken(page: Page, button: Locator, to: Path) -> zipfile.ZipFile:
    """Press a button, and give the archive that comes."""
    with page.expect_download(timeout=SLOW) as coming:
        button.click()
    coming.value.save_as(to)
    return zipfile.ZipFile(io.BytesIO(to.read_bytes()))


def checks_of_files(service: Service) -> list[dict[str, object]]:
    """Give the looks at downloads; exports as DICOM have theirs."""
    checks = service.get("/projects/default/releases/checks")["items"]
    return [one for one in checks if one["way"] == "files"]


def test_what_tells_who_it_is_leaves_after_a_word_and_is_on_record(
    desktop: Desktop, service: Service, tmp_path: Path
) -> None:
    page = desktop.page
    dialog = download_all(desktop)
    found = dialog.get_by_role("listitem").filter(has_text="Tells who it is")
    expect(found).to_contain_text("notes.txt", timeout=SLOW)
    expect(dialog).not_to_contain_text("doe")
    go = dialog.get_by_role("button", name="Let it leave")
    expect(go).to_be_disabled()
    # without a word nothing leaves, and nothing is kept of it
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert [one["confirmed_at"] for one in checks_of_files(service)] == [None]

    dialog = download_all(desktop)
    dialog.get_by_label("I have looked at this, and it may leave").check(timeout=SLOW)
    with page.expect_download() as coming:
        dialog.get_by_role("link", name="Signed report").click()
    coming.value.save_as(tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert service.post("/releases/verify", report) == {"valid": True}
    with taken(page, go, tmp_path / "all.zip") as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    assert {"notes.txt", "s001.nii"} <= names
    expect(dialog).to_be_hidden()
    assert sum(one["confirmed_at"] is not None for one in checks_of_files(service)) == 1


def test_a_check_that_fails_says_so_and_nothing_leaves(desktop: Desktop, watched: Watched) -> None:
    page = desktop.page
    problem = {"title": "x", "status": 507, "key": "storage", "detail": "the disk is full"}
    page.route(
        "**/releases/checks",
        lambda route: route.fulfill(
            status=507, content_type="application/problem+json", body=json.dumps(problem)
        ),
    )
    left: list[str] = []
    page.on("download", lambda download: left.append(download.url))
    dialog = download_all(desktop)
    said = page.get_by_role("alert").filter(has_text="What would leave could not be looked at")
    expect(said).to_contain_text("the disk is full", timeout=SLOW)
    expect(dialog).to_have_count(0)
    assert left == []
    watched.errors[:] = [error for error in watched.errors if "507" not in error]


def dicom_dialog(desktop: Desktop) -> Locator:
    """Open the export of the project as DICOM."""
    page = desktop.page
    desktop.rows().first.wait_for()
    page.locator("header .project").click()
    page.get_by_role("menuitem", name="Export as DICOM…").click()
    return page.get_by_role("dialog", name="as DICOM")


def test_an_export_as_dicom_says_what_is_done_and_held_back(
    desktop: Desktop,
) -> None:
    page = desktop.page
    dialog = dicom_dialog(desktop)
    expect(dialog).to_contain_text("1 subject, 1 study, 2 series", timeout=SLOW)
    expect(dialog).to_contain_text("1 series held back")
    expect(dialog).to_contain_text("its pixels hold annotations")
    dialog.get_by_text("What is done to").click()
    row = dialog.get_by_role("row").filter(has=page.get_by_role("cell", name="PatientName"))
    expect(row).to_contain_text("replaced by a pseudonym")
    expect(dialog.get_by_role("button", name="Download", exact=True)).to_be_enabled()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_an_export_as_dicom_is_looked_at_and_then_comes_without_name_and_id(
    desktop: Desktop, tmp_path: Path
) -> None:
    page = desktop.page
    dialog = dicom_dialog(desktop)
    dialog.get_by_role("button", name="Download", exact=True).click(timeout=SLOW)
    looked = page.get_by_role("dialog", name="Before it leaves")
    expect(looked).to_contain_text("a face that can be recognised", timeout=SLOW)
    expect(dialog).to_have_count(0)
    with taken(page, looked.get_by_role("button", name="Let it leave"), tmp_path / "x.zip") as got:
        files = {name: got.read(name) for name in got.namelist()}
    expect(looked).to_be_hidden()
    sent = [pydicom.dcmread(io.BytesIO(b)) for n, b in files.items() if n.endswith(".dcm")]
    assert [one.Modality for one in sent] == ["MR"] * 3
    (called,) = {(str(one.PatientName), one.PatientID) for one in sent}
    assert called[0] == called[1]
    assert re.fullmatch(r"S-0001-[0-9A-Z]{4}", called[0])  # its code, with the mark of the project
    told = b"".join(name.encode() + data for name, data in files.items())
    assert [trace for trace in TRACES if trace in told.upper()] == []


def test_the_policy_of_a_project_is_saved_once_and_stays(desktop: Desktop) -> None:
    page = desktop.go("/projects/settings?tab=privacy").page
    option = page.get_by_label("Sex, age, size and weight")
    save = page.get_by_role("button", name="Save", exact=True)
    for wanted in (True, False):
        expect(option).to_be_checked(checked=not wanted, timeout=SLOW)
        expect(save).to_be_disabled()
        option.set_checked(wanted)
        save.click()
        expect(page.get_by_text("Saved", exact=True).last).to_be_visible(timeout=SLOW)
        expect(save).to_be_disabled()  # nothing is left to save
        page.reload()


def test_an_export_that_cannot_be_planned_says_why_and_is_tried_again(
    desktop: Desktop, watched: Watched
) -> None:
    page = desktop.page
    problem = {"title": "x", "status": 503, "key": "storage", "detail": "the disk is not there"}
    answer = {"status": 503, "content_type": "application/problem+json"}
    body = json.dumps(problem)
    page.route("**/dicom/plan", lambda route: route.fulfill(body=body, **answer), times=1)
    dialog = dicom_dialog(desktop)
    expect(dialog).to_contain_text("the disk is not there", timeout=SLOW)
    expect(dialog.get_by_role("button", name="Download", exact=True)).to_have_count(0)
    dialog.get_by_role("button", name="Try again").click()
    expect(dialog).to_contain_text("2 series", timeout=SLOW)
    expect(dialog.get_by_role("button", name="Download", exact=True)).to_be_enabled()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    watched.errors[:] = [error for error in watched.errors if "503" not in error]
