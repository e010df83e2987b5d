"""The report of a tilt series: its tilts are switched and the slice follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.support.browser import Watched
from tests.support.service import Service
from tests.support.tomograms import make_result
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]


def study_folder(service: Service) -> Path:
    """Where the files of the one study lie."""
    selected = service.post("/select", {"project": "default", "selector": "*s001.nii"})
    row = next(r for r in service.items("/projects/default/files") if r["name"] == "s001.nii")
    image = Path(selected["items"][0]["absolute_path"])
    return image.parents[len(Path(row["path"]).parts) - 1]


@pytest.fixture(scope="module")
def report(service: Service) -> int:
    """The id of the report of a series without its fourth tilt."""
    made = make_result(study_folder(service), skip=(3,))
    paths = [str(path) for path in sorted(made.iterdir()) if path.is_file()]
    service.post("/files/add", {"project": "default", "paths": paths})
    rows = service.items("/projects/default/files")
    return int(next(row["id"] for row in rows if row["name"] == "report.json"))


def shown(page: Any) -> str:
    """What slice is shown, once none is on its way."""
    return str(page.get_by_test_id("live-slice").get_attribute("data-shown"))


def pixels(page: Any) -> str:
    return str(page.locator("[data-testid=live-slice] canvas").evaluate("c => c.toDataURL()"))


def switch(page: Any, n: int) -> Locator:
    return page.get_by_role("toolbar", name="Tilts").get_by_role("button").nth(n - 1)


def test_BRT_06_a_tilt_that_is_switched_off_changes_the_slice(
    desktop: Desktop, report: int
) -> None:
    page = desktop.page
    desktop.go(f"/tomography/{report}")
    slice_ = page.get_by_test_id("live-slice")
    expect(slice_).to_have_attribute("data-shown", "z/10?3", timeout=60_000)
    on_disk = pixels(page)
    expect(switch(page, 4)).to_have_attribute("aria-pressed", "false")
    switch(page, 6).click()
    expect(slice_).to_have_attribute("data-shown", "z/10?3,5", timeout=30_000)
    changed = pixels(page)
    assert changed != on_disk
    # With the keyboard: two to the right, and that one off, too.
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(switch(page, 8)).to_be_focused()
    page.keyboard.press("Space")
    expect(slice_).to_have_attribute("data-shown", "z/10?3,5,7", timeout=30_000)
    page.keyboard.press("Space")
    expect(slice_).to_have_attribute("data-shown", "z/10?3,5")
    assert pixels(page) == changed
    before = page.get_by_role("button", name="Before")
    before.press("Space")
    expect(slice_).to_have_attribute("data-shown", "z/10?3")
    assert pixels(page) == on_disk
    before.press("Space")
    expect(slice_).to_have_attribute("data-shown", "z/10?3,5")
    page.get_by_role("button", name="As on disk").click()
    expect(slice_).to_have_attribute("data-shown", "z/10?3")
    expect(before).to_be_disabled()


def test_BRT_06_the_place_of_the_slice_moves_by_keys_and_across_the_axis(
    desktop: Desktop, report: int
) -> None:
    page = desktop.page
    desktop.go(f"/tomography/{report}")
    slice_ = page.get_by_test_id("live-slice")
    expect(slice_).to_have_attribute("data-shown", "z/10?3", timeout=60_000)
    place = page.get_by_role("slider", name="Slice")
    place.focus()
    page.keyboard.press("ArrowRight")
    expect(slice_).to_have_attribute("data-shown", "z/11?3", timeout=30_000)
    page.keyboard.press("Home")
    expect(slice_).to_have_attribute("data-shown", "z/0?3", timeout=30_000)
    page.get_by_role("button", name="Across the axis").click()
    expect(slice_).to_have_attribute("data-shown", "y/24?3", timeout=30_000)
    size = page.locator("[data-testid=live-slice] canvas").evaluate("c => [c.width, c.height]")
    assert size == [48, 20]
    for n in (1, 2, 3, 5, 6, 7, 8, 9, 10):
        switch(page, n).click()
    expect(page.get_by_text("At least 3 tilts must remain.").first).to_be_hidden()
    switch(page, 11).click()
    expect(page.get_by_text("At least 3 tilts must remain.").first).to_be_visible()


def test_a_slice_that_cannot_be_made_says_why_and_can_be_tried_again(
    desktop: Desktop, report: int, service: Service, watched: Watched
) -> None:
    page = desktop.page
    folder = study_folder(service) / "tomography" / "TS_1"
    away = folder.parent / "TS_1_ali.away"
    (folder / "TS_1_ali.mrc").rename(away)
    try:
        desktop.go(f"/tomography/{report}")
        alert = page.get_by_test_id("live-slice").get_by_role("alert")
        expect(alert).to_contain_text("there is no TS_1_ali.mrc any more", timeout=60_000)
    finally:
        away.rename(folder / "TS_1_ali.mrc")
    alert.get_by_role("button", name="Try again").click()
    slice_ = page.get_by_test_id("live-slice")
    expect(slice_).to_have_attribute("data-shown", "z/10?3", timeout=60_000)
    wait_until(lambda: shown(page) and not alert.count(), "the error is gone")
    watched.errors[:] = [one for one in watched.errors if "status of 404" not in one]
