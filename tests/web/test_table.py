"""The table in a real browser: filters, columns, what leaves it, names, and the contact sheet."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Watched
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

if TYPE_CHECKING:
    from playwright.sync_api import Locator

pytestmark = [pytest.mark.browser, pytest.mark.system]

IMAGE = "t1_mprage_3/s001.nii"


def menu(desktop: Desktop, button: str, item: str) -> None:
    """Open one of the table's menus and take an item."""
    desktop.page.get_by_role("button", name=button, exact=True).click()
    desktop.page.locator("[role=menu]").get_by_text(item, exact=True).click()


def context(desktop: Desktop, row: Locator, item: str) -> None:
    """Take an item of a row's own menu."""
    row.click(button="right")
    desktop.page.locator("[role=menu]").get_by_text(item, exact=True).click()


def saved(desktop: Desktop, button: str) -> bytes:
    """Press a button of the open dialog that starts a download; gives what was saved."""
    with desktop.page.expect_download() as waiting:
        desktop.page.get_by_role("dialog").get_by_role("button", name=button).click()
    return Path(waiting.value.path()).read_bytes()


def study(desktop: Desktop) -> Locator:
    """The row of the one study."""
    desktop.rows().first.wait_for()
    return desktop.rows().first


def code(desktop: Desktop) -> str:
    """Name of the one study, PID#SID."""
    return str(desktop.service.items("/projects/default/studies")[0]["psid"])


def test_PROJ_16_each_bar_shows_its_own_error_at_its_character(
    desktop: Desktop, watched: Watched
) -> None:
    page = desktop.page
    study(desktop)
    page.get_by_role("button", name="More filters").click()
    page.locator("#name-filter").fill("S-")
    page.locator("#desc-filter").fill("a &")
    page.locator("#desc-filter-error").wait_for()
    assert page.locator("#desc-filter-error mark").inner_text() == " "
    assert page.locator("#name-filter").get_attribute("aria-invalid") == "false"
    assert page.locator("#file-search").get_attribute("aria-invalid") == "false"
    page.get_by_role("button", name="Clear filters").click()
    page.locator("#desc-filter-error").wait_for(state="detached")
    page.wait_for_function("() => !location.search.includes('desc')")
    watched.errors[:] = [error for error in watched.errors if "400" not in error]


def test_PROJ_10_filters_of_all_columns_are_in_the_address(desktop: Desktop) -> None:
    desktop.go("/?name=nobody&from=2001-01-01&jobs=e")
    page = desktop.page
    page.get_by_text("Nothing matches these filters").wait_for()
    assert page.locator("#name-filter").input_value() == "nobody"
    assert page.get_by_label("Date from").input_value() == "2001-01-01"
    assert page.get_by_role("button", name="error").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Clear filters").first.click()
    study(desktop)


def test_PROJ_x01_a_tag_column_sets_the_tag_and_undo_takes_it_back(desktop: Desktop) -> None:
    desktop.go("/?cols=tag:checked")
    page = desktop.page
    page.get_by_role("button", name="Table over the full width").click()
    box = study(desktop).get_by_label("Tag checked of")
    box.click()
    wait_until(lambda: desktop.service.items("/projects/default/studies")[0]["tags"], "the tag")
    wait_until(box.is_checked, "the box follows")
    page.get_by_role("button", name="Undo").click()
    wait_until(
        lambda: desktop.service.items("/projects/default/studies")[0]["tags"] == [], "no tag"
    )
    wait_until(lambda: not box.is_checked(), "the box follows back")
    page.get_by_role("button", name="Table beside the images").click()


def test_PROJ_x02_the_check_menu_checks_all_none_and_the_others(desktop: Desktop) -> None:
    desktop.go("/?level=files")
    study(desktop)
    boxes = desktop.rows().get_by_role("checkbox")
    wait_until(lambda: boxes.count() > 2, "some rows")

    def checked() -> list[bool]:
        return [boxes.nth(n).is_checked() for n in range(boxes.count())]

    open_menu = "Check, and what is checked"
    menu(desktop, open_menu, "Check all")
    wait_until(lambda: all(checked()), "all to be checked")
    boxes.first.uncheck()
    menu(desktop, open_menu, "Invert")
    wait_until(lambda: checked().count(True) == 1 and boxes.first.is_checked(), "the others")
    menu(desktop, open_menu, "Check none")
    wait_until(lambda: not any(checked()), "none to be checked")


def test_VIEW_x11_the_table_is_saved_as_csv(desktop: Desktop) -> None:
    study(desktop)
    menu(desktop, "More", "Save as CSV…")
    desktop.page.get_by_text("Long", exact=True).click()
    desktop.page.get_by_text("German").click()
    body = saved(desktop, "Save CSV").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(body), delimiter=";"))
    subject, sid = code(desktop).split("#")
    assert rows[0] == ["subject", "study", "file", "name", "value"]
    assert [subject, sid, "", "modalities", "MR"] in rows


def test_PROJ_19_a_study_is_downloaded_as_an_archive(desktop: Desktop) -> None:
    context(desktop, study(desktop), "Download…")
    dialog = desktop.page.get_by_role("dialog")
    dialog.get_by_text("as one ZIP archive").wait_for()
    dialog.get_by_label("Only files that match").fill("t1*/s001.nii")
    dialog.get_by_text("1 file,").wait_for()
    with zipfile.ZipFile(io.BytesIO(saved(desktop, "Download"))) as archive:
        assert archive.testzip() is None
        assert [name.endswith(IMAGE) for name in archive.namelist()] == [True]


def test_PROJ_23_a_view_is_saved_and_opened_again(desktop: Desktop) -> None:
    desktop.go("/?level=files&files=*labels*")
    study(desktop)
    menu(desktop, "More", "Saved views…")
    desktop.page.get_by_label("Save the present view as").fill("only labels")
    desktop.page.get_by_role("button", name="Save", exact=True).click()
    desktop.page.get_by_text("View only labels saved").wait_for()
    desktop.go("/?level=studies")
    study(desktop)
    menu(desktop, "More", "only labels")
    desktop.row_of("brain_labels").first.wait_for()
    assert desktop.rows().count() == 1


def test_PROJ_x09_a_study_is_renamed_and_named_back(desktop: Desktop) -> None:
    page, before = desktop.page, code(desktop)
    context(desktop, study(desktop), "Rename…")
    page.get_by_label("Name of the study").fill("visit-1")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    wait_until(lambda: code(desktop).endswith("#visit-1"), "the new name")
    page.get_by_role("button", name="Undo").click()
    wait_until(lambda: code(desktop) == before, "the old name")


def test_VIEW_x11_the_contact_sheet_shows_slices_and_opens_an_image(desktop: Desktop) -> None:
    page = desktop.page
    context(desktop, study(desktop), "Contact sheet")
    picture = page.locator("figure img")
    loaded = "img => img.complete && img.naturalWidth > 0"
    picture.first.wait_for()
    wait_until(lambda: picture.first.evaluate(loaded), "a slice")
    before = picture.first.get_attribute("src")
    page.get_by_role("button", name="Coronal").click()
    page.get_by_label("Slice").fill("30")
    page.wait_for_function("() => location.search.includes('at=30')")
    assert picture.first.get_attribute("src") != before
    wait_until(lambda: picture.first.evaluate(loaded), "another slice")
    page.locator("figure button").first.dblclick()
    desktop.drawn()
    assert desktop.state()["layers"][0]["name"].endswith("s001.nii")
