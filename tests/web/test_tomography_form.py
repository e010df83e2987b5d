"""The report of a tilt series: tilts are switched and the slice follows; its directives, too."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

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
    told = json.loads((made / "report.json").read_text())
    told["directive_problems"] = ["TS_1.adoc: runtime.NAD is not known"]
    (made / "report.json").write_text(json.dumps(told))
    paths = [str(path) for path in sorted(made.iterdir()) if path.is_file()]
    service.post("/files/add", {"project": "default", "paths": paths})
    rows = service.items("/projects/default/files")
    return int(next(row["id"] for row in rows if row["name"] == "report.json"))


def shown(page: Any) -> str:
    """What slice is shown, once none is on its way."""
    return str(page.get_by_test_id("live-slice").get_attribute("data-shown"))


def pixels(page: Any) -> str:
    return str(page.locator("[data-testid=live-slice] canvas").evaluate("c => c.toDataURL()"))


def switch(page: Page, n: int) -> Locator:
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


GOLD, THICK = "setupset.copyarg.gold", "comparam.tilt.tilt.THICKNESS"


def line(page: Page, key: str) -> Locator:
    """The row of a directive in the form."""
    return page.get_by_test_id("directives").locator(f'[data-key="{key}"]')


def test_ADOC_12_directives_of_a_job_are_changed_in_a_form_and_kept_as_a_template(
    desktop: Desktop, service: Service, watched: Watched
) -> None:
    """Each has its help and its layer, what is wrong is said, and a template of one's own holds."""
    page = desktop.page
    desktop.go("/batch")
    page.get_by_role("button", name="Add job").click()
    page.get_by_role("menuitem", name="Tomogram of a tilt series").click()
    page.get_by_role("button", name="Directives…").click()
    form = page.get_by_role("dialog", name="Directives")
    gold, thick = line(page, GOLD), line(page, THICK)
    expect(gold).to_contain_text("(nm)")
    expect(gold).to_contain_text("Diameter of the gold beads")
    expect(gold).to_contain_text("template")
    expect(gold).to_contain_text("filled by the job")
    assert form.locator("[data-key]").count() > 20

    form.get_by_role("searchbox", name="Find a directive").fill("gold diameter")
    expect(form.locator("[data-key]")).to_have_count(1)
    form.get_by_role("searchbox").fill("")
    size = gold.get_by_role("textbox")
    size.fill("fifteen")
    size.press("Enter")
    expect(gold).to_contain_text("changed here")
    expect(gold).to_contain_text("a number")
    expect(size).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_role("status")).to_have_text("Directives to look at: 1")
    gold.get_by_role("button", name="Back to {{ beadSize (10) }}").click()
    expect(form.get_by_role("status")).to_have_text("")
    expect(size).to_have_value("{{ beadSize (10) }}")
    size.fill("15")
    size.press("Tab")
    expect(gold).to_contain_text("changed here")

    add = form.get_by_role("textbox", name="Add a directive")
    add.fill("nonsense = 1")
    add.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("is no directive")
    add.fill("comparam.tilt.tilt.RADIAL = 0.3 0.05")
    add.press("Enter")
    expect(form.get_by_role("alert")).to_have_count(0)
    expect(line(page, "comparam.tilt.tilt.RADIAL")).to_be_in_viewport()
    thick.get_by_role("textbox").fill("120")
    thick.get_by_role("textbox").press("Tab")
    expect(thick).to_contain_text("changed here")

    form.get_by_role("textbox", name="Name of an own template").fill("lamella")
    form.get_by_role("button", name="Keep as own template").click()
    template = form.get_by_role("combobox", name="Template")
    expect(template.locator("option:checked")).to_have_text("lamella · own")
    expect(thick).not_to_contain_text("changed here")
    expect(thick.get_by_role("textbox")).to_have_value("120")
    form.get_by_role("button", name="As text").click()
    expect(form.get_by_role("textbox", name="As text")).to_have_value(re.compile(f"{GOLD}=15\n"))
    form.get_by_role("button", name="Use for this job").click()
    expect(form).to_have_count(0)
    expect(page.get_by_label("Template", exact=True)).to_have_value("lamella")
    names = [one["name"] for one in service.items("/directives/templates") if one["is_own"]]
    assert names == ["lamella"]
    watched.errors[:] = [one for one in watched.errors if "status of 422" not in one]


def test_ADOC_12_the_form_of_a_tomogram_begins_with_its_own_directives(
    desktop: Desktop, report: int
) -> None:
    """The page tells what was wrong with them; that others make another one is tested beside."""
    page = desktop.page
    desktop.go(f"/tomography/{report}")
    expect(page.get_by_test_id("directive-problems")).to_contain_text("runtime.NAD is not known")
    page.get_by_role("button", name="Directives…").click()
    form = page.get_by_role("dialog", name="Directives")
    value = line(page, THICK).get_by_role("textbox")
    expect(value).to_have_value("40")
    expect(line(page, THICK)).to_contain_text("as the tomogram has it")
    expect(form).to_contain_text("The alignment stays as it is")
    back = form.get_by_role("button", name="As the tomogram has them")
    expect(back).to_be_disabled()
    value.fill("60")
    value.press("Enter")
    back.click()
    expect(value).to_have_value("40")
    form.get_by_role("button", name="Use to reconstruct again").click()
    expect(page.get_by_role("button", name="Directives…")).to_be_visible()
    page.get_by_role("button", name="Directives…").click()
    value.fill("60")
    form.get_by_role("button", name="Use to reconstruct again").click()
    page.get_by_role("button", name="Directives · changed").click()
    expect(value).to_have_value("60")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Take those that the tomogram has").click()
    expect(page.get_by_role("button", name="Directives…")).to_be_visible()
