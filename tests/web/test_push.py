"""Sending studies to a real Orthanc, seen and checked on the way, and listed (GEN-06)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.exchange.kit import write_series
from tests.support.browser import Watched, watched_page
from tests.support.orthanc import Orthanc, an_orthanc
from tests.support.samples import zip_of
from tests.support.service import Service
from tests.web.pages import Desktop

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Locator

UID = "1.2.826.0.1.3680043.10.992.1"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with an_orthanc(tmp_path_factory.mktemp("orthanc") / "o") as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, orthanc: Orthanc) -> Iterator[Service]:
    """A service with one study, and an archive that it may send to."""
    root = tmp_path_factory.mktemp("web")
    conf = root / "data" / "conf.d"
    conf.mkdir(parents=True)
    lines = [
        f"{name} = {str(value).lower() if isinstance(value, bool) else repr(value)}"
        for name, value in orthanc.node(push=True).items()
    ]
    (conf / "50-ui.toml").write_text("[pacs.nodes.ward]\n" + "\n".join(lines) + "\n")
    running = Service(root / "data").start()
    try:
        series = write_series(root / "in", study_uid=UID, n=3, patient_id="B-7")
        running.closed(running.upload("series.zip", zip_of(series))["key"])
        yield running
    finally:
        running.stop()


@pytest.fixture
def watched(browser: Browser, service: Service) -> Iterator[Watched]:
    """A fresh page; at the end it must have no error."""
    with watched_page(browser, width=1280, height=800) as watched:
        yield watched
        assert not watched.errors, watched.errors


def held(orthanc: Orthanc) -> int:
    asked = {"Level": "Instance", "Query": {"StudyInstanceUID": UID}}
    return len(orthanc.http.post("/tools/find", json=asked).json())


def test_GEN_06_a_study_is_sent_from_the_table(desktop: Desktop, orthanc: Orthanc) -> None:
    page = desktop.ready().page
    desktop.find_row("s001.nii").click(button="right")
    page.get_by_role("menuitem", name="Send to PACS…").click()
    dialog = page.get_by_role("dialog", name="Send to PACS")
    expect(dialog.get_by_label("To")).to_contain_text("ARCHIVE@127.0.0.1", timeout=30_000)
    fate = dialog.get_by_test_id("push-fate")
    # the archive has no such study, so that nothing goes until that is allowed
    expect(fate).to_contain_text("ward has no such study", timeout=30_000)
    expect(dialog.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    expect(fate).not_to_contain_text("DOE")
    dialog.get_by_label("Show who they are (put on record)").check()
    expect(fate).to_contain_text("B-7", timeout=30_000)
    dialog.get_by_label("Also when the archive has no such study").check()
    expect(fate).to_contain_text("gets a new study", timeout=30_000)
    dialog.get_by_role("button", name="Send 3 objects to ward").click()
    row = dialog.get_by_test_id("push-row")
    expect(row).to_contain_text("arrived", timeout=30_000)
    assert held(orthanc) == 3
    dialog.get_by_role("button", name="Close").last.click()
    expect(dialog).to_be_hidden()
    # what has arrived is not offered again
    desktop.find_row("s001.nii").click(button="right")
    page.get_by_role("menuitem", name="Send to PACS…").click()
    expect(dialog.get_by_test_id("push-fate")).to_contain_text("has all of it", timeout=30_000)
    expect(dialog.get_by_role("button", name="Send", exact=True)).to_be_disabled()


@dataclass
class Brought:
    """A study that was brought in: its row in the catalog."""

    service: Service
    folder: Path

    def __call__(self, n: int, **more: Any) -> dict[str, Any]:
        """Upload a small series of the n-th study of this module."""
        facts = {"study_uid": f"{UID}{n}", "patient_id": f"T-{n}", "name": f"TOLD^{n}", **more}
        series = write_series(self.folder / str(n), n=1, date="20200101", **facts)
        receipt = self.service.closed(self.service.upload(f"{n}.zip", zip_of(series))["key"])
        [psid] = receipt["studies"]
        found = self.service.get("/projects/default/studies", name=psid.partition("#")[0])
        study: dict[str, Any] = next(one for one in found["items"] if one["psid"] == psid)
        return study


@pytest.fixture
def brought(service: Service, tmp_path: Path) -> Brought:
    return Brought(service, tmp_path)


def asked_to_send(service: Service, study: dict[str, Any]) -> None:
    """Ask for it as the dialog does when its button is pressed."""
    body = {"node": "ward", "studies": [study["id"]], "new_study": True, "dry_run": False}
    service.post("/projects/default/pacs/pushes", body)


def sent_list(desktop: Desktop) -> Locator:
    """Open the list of what was sent, whose checked studies stay checked."""
    page = desktop.page
    page.get_by_role("button", name="Tools of the images").click()
    page.get_by_role("menuitem", name="PACS query").click()
    page.get_by_role("tab", name="Sent").click()
    return page.get_by_role("table", name="Sent")


def test_GEN_06_a_study_of_somebody_else_or_without_identity_does_not_leave(
    desktop: Desktop, orthanc: Orthanc, brought: Brought, tmp_path: Path
) -> None:
    orthanc.fill(write_series(tmp_path / "there", n=1, study_uid=f"{UID}21", patient_id="X-9"))
    [other, removed] = [brought(21), brought(22, PatientIdentityRemoved="YES")]
    page = desktop.page
    for study in (other, removed):
        page.goto(f"{desktop.service.url}/?name={study['pid']}")
        row = desktop.ready().rows().filter(has_text=study["pid"])
        row.first.get_by_role("checkbox").check()
        sent_list(desktop)
        page.get_by_role("button", name="Send to PACS…").click()
        dialog = page.get_by_role("dialog", name="Send to PACS")
        fate = dialog.get_by_test_id("push-fate").filter(has_text=study["psid"])
        told = "ward has the study with another PatientID" if study is other else "pseudonymised"
        expect(fate).to_contain_text(told, timeout=30_000)
        go = dialog.get_by_role("button", name="Send", exact=True)
        for also in ("Also when the archive has no such study", "Also what it has acknowledged"):
            dialog.get_by_label(also).check()
            expect(fate).to_contain_text(told, timeout=30_000)
            expect(go).to_be_disabled()
        expect(dialog).not_to_contain_text(re.compile("X-9|TOLD|T-2"))
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(page.get_by_role("button", name="Send to PACS…")).to_be_focused()


def test_GEN_06_the_sent_list_tells_what_arrived_what_not_and_why(
    desktop: Desktop, service: Service, brought: Brought
) -> None:
    [wrong, right] = [brought(31, SOPClassUID=f"{UID}99"), brought(32)]
    page = desktop.page
    rows = sent_list(desktop).get_by_role("row")
    [bad, good] = [rows.filter(has_text=study["psid"]) for study in (wrong, right)]
    for study in (wrong, right):
        asked_to_send(service, study)
    # They come into the list by themselves.
    expect(good).to_contain_text("arrived", timeout=30_000)
    expect(good).to_contain_text("1 / 1")
    expect(bad.get_by_role("cell", name="not sent", exact=True)).to_be_visible(timeout=30_000)
    expect(bad).to_contain_text("0 / 1")
    expect(page.get_by_text("1 did not work")).to_be_visible()
    for row, told in ((good, "acknowledged without a word"), (bad, "no objects of this kind")):
        row.get_by_role("button", name="What the archive said").click()
        said = page.get_by_role("dialog", name="What the archive said")
        expect(said).to_contain_text(told)
        page.keyboard.press("Escape")
        expect(said).to_be_hidden()
    # What a person has read is put away.
    bad.get_by_role("button", name="Cancel, or dismiss").click()
    expect(bad.get_by_role("cell", name="taken back", exact=True)).to_be_visible(timeout=30_000)
    expect(page.get_by_text("did not work")).to_have_count(0)
