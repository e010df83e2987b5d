"""Sending a study to a real Orthanc from the table, seen and checked on the way (GEN-06)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.exchange.kit import write_series
from tests.support.browser import Watched, watched_page
from tests.support.orthanc import Orthanc, an_orthanc
from tests.support.samples import zip_of
from tests.support.service import Service
from tests.web.pages import Desktop

if TYPE_CHECKING:
    from playwright.sync_api import Browser

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
