"""The pages beside the images: upload, arrivals, jobs, health, manual; all in one frame."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.upkeep.demo_dicom import MadePatient
from tests.support.samples import tiny_series, zip_of
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]

PAGES = [
    "arrivals",
    "upload",
    "jobs",
    "metadata",
    "metadata/sql",
    "batch",
    "health",
    "settings",
    "manual",
]


@pytest.mark.parametrize("width", [1280, 1920])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_by_its_address(desktop: Desktop, name: str, width: int) -> None:
    page = desktop.page
    page.set_viewport_size({"width": width, "height": 800})
    desktop.go(f"/{name}")
    page.get_by_role("navigation").first.wait_for()
    page.get_by_role("heading").first.wait_for()
    text = page.inner_text("body")
    assert "undefined" not in text
    assert "NaN" not in text
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_back_and_forward_work(desktop: Desktop) -> None:
    page = desktop.page
    page.get_by_role("link", name="Arrivals").click()
    page.wait_for_url(re.compile("/arrivals"))
    page.get_by_role("navigation").get_by_role("link", name="Jobs", exact=True).click()
    page.wait_for_url(re.compile("/jobs"))
    page.go_back()
    page.wait_for_url(re.compile("/arrivals"))


def test_a_zip_chosen_on_the_upload_page_becomes_an_arrival(
    desktop: Desktop, service: Service, tmp_path: Path
) -> None:
    patient = MadePatient("DEMO^WEB", "DEMO-3001", "19700101", "O", "20230601")
    archive = tmp_path / "export.zip"
    archive.write_bytes(zip_of(tiny_series(tmp_path / "new", patient=patient)))
    before = len(service.receipts())
    desktop.go("/upload")
    desktop.page.get_by_test_id("files").set_input_files(str(archive))
    receipts = service.settled(before + 1)
    assert receipts[0]["state"] == "done"
    desktop.page.get_by_role("link", name="Arrivals").click()
    rows = desktop.page.locator("tbody tr")
    wait_until(lambda: rows.count() >= before + 1, "the arrival is listed")
    rows.first.click()
    desktop.page.wait_for_function("() => location.search.includes('key=')")


def test_an_arrival_shows_up_without_a_reload(
    desktop: Desktop, service: Service, tmp_path: Path
) -> None:
    patient = MadePatient("DEMO^LIVE", "DEMO-3002", "19700101", "O", "20230602")
    desktop.rows().first.wait_for()
    before = desktop.rows().count()
    paths = tiny_series(tmp_path / "new", patient=patient)
    service.closed(service.upload("live.zip", zip_of(paths))["key"])
    wait_until(lambda: desktop.rows().count() == before + 1, "a new row", within_s=20)


def test_an_import_is_followed_from_the_jobs_to_its_arrival(
    desktop: Desktop, service: Service
) -> None:
    page = desktop.go("/jobs?state=e").page
    page.get_by_role("heading", name="Jobs", exact=True).wait_for()
    key = service.upload("nothing.bin", b"no image")["key"]
    service.closed(key)
    row = page.locator("tbody tr").filter(has_text="import (upload)").first
    row.get_by_text("not DICOM").wait_for()
    row.locator("button.state").click()
    panel = page.get_by_role("complementary", name="import (upload)")
    panel.get_by_text("in quarantine").wait_for()
    assert panel.get_by_role("button", name="Kill").count() == 0
    assert panel.get_by_role("tab").count() == 0
    panel.get_by_role("link", name="Open in Arrivals").click()
    page.wait_for_url(re.compile(f"/arrivals.*key={key}"))
    desktop.go(f"/jobs?state=e&job={key}")
    panel.get_by_role("button", name="Dismiss").click()
    wait_until(lambda: row.count() + panel.count() == 0, "the row and its panel are gone")


def test_the_health_page_names_its_checks(desktop: Desktop, service: Service) -> None:
    titles = [check["title"] for check in service.get("/health")["checks"]]
    desktop.go("/health")
    for title in titles:
        desktop.page.get_by_text(title, exact=True).first.wait_for()


def test_the_manual_is_readable_offline(desktop: Desktop) -> None:
    desktop.go("/manual/demo")
    desktop.page.get_by_role("heading", name=re.compile("demo", re.IGNORECASE)).first.wait_for()
