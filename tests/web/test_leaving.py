"""What stays when somebody goes: nothing of a page for the next one, nothing after signing out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Watched
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.system]

_KEPT = """() => ({
    viewer: typeof window.__viewer, canvases: document.querySelectorAll('canvas').length,
    rows: document.querySelectorAll('tr, [role=treeitem]').length,
    floating: document.querySelectorAll('dialog, [role=menu], .toast').length,
    images: document.querySelectorAll('img').length,
})"""
_NOTHING = {"viewer": "undefined", "canvases": 0, "rows": 0, "floating": 0, "images": 0}


def sign_out(page: Page) -> None:
    """By the menu of the user."""
    page.locator("header button[aria-haspopup=menu]").last.click()
    page.get_by_role("menuitem", name="Sign out").click()


def nothing_is_left(page: Page, code: str) -> None:
    """Neither in sight nor in the page's memory."""
    page.get_by_role("heading", name="Sign in").wait_for()
    page.wait_for_url(re.compile("/login$"))
    wait_until(lambda: page.evaluate(_KEPT) == _NOTHING, "nothing is left")
    assert code not in page.content()
    assert code not in page.evaluate("JSON.stringify(localStorage)")
    assert page.evaluate("sessionStorage.length") == 0


def forgive_refusals(watched: Watched) -> None:
    """Asking who we are after signing out is refused, and the browser says so."""
    watched.errors[:] = [error for error in watched.errors if "401" not in error]


def test_after_signing_out_no_image_row_or_name_is_left(
    desktop: Desktop, watched: Watched, service: Service
) -> None:
    page = desktop.page
    page.get_by_role("link", name="Arrivals").click()
    page.wait_for_url(re.compile("/arrivals"))
    page.get_by_role("link", name="Images").click()
    desktop.open_file("s001.nii")
    desktop.drawn()
    code = service.items("/projects/default/studies")[0]["pid"]
    desktop.rows().first.get_by_role("checkbox").check()
    page.wait_for_url(re.compile("sel="))
    assert code in page.content()
    sign_out(page)
    nothing_is_left(page, code)
    page.go_back()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.evaluate(_KEPT) == _NOTHING
    assert code not in page.inner_text("body")
    forgive_refusals(watched)
    desktop.log_in()
    page.wait_for_function("() => window.__viewer")
    assert desktop.state()["layers"] == []


def test_other_tabs_of_the_browser_leave_too(
    desktop: Desktop, watched: Watched, service: Service
) -> None:
    other = desktop.page.context.new_page()
    other.goto(f"{service.url}/arrivals")
    other.locator("tbody tr").first.wait_for()
    sign_out(desktop.page)
    other.get_by_role("heading", name="Sign in").wait_for()
    assert other.evaluate(_KEPT) == _NOTHING
    other.close()
    desktop.page.get_by_role("heading", name="Sign in").wait_for()
    forgive_refusals(watched)


def test_when_a_session_ends_what_floats_goes_too(
    desktop: Desktop, watched: Watched, service: Service
) -> None:
    page = desktop.page
    desktop.rows().first.click()
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.context.clear_cookies()
    page.evaluate("fetch('/api/v1/projects').catch(() => null)")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Health").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.get_by_role("dialog").count() + page.locator(".toast").count() == 0
    forgive_refusals(watched)


@pytest.mark.parametrize("page_name", ["arrivals", "jobs"])
def test_a_page_that_is_left_does_not_ask_with_the_next_pages_query(
    desktop: Desktop, watched: Watched, service: Service, page_name: str
) -> None:
    page = desktop.go(f"/{page_name}").page
    page.locator("tbody tr").first.wait_for()
    next_name, query = (
        ("jobs", "state=e") if page_name == "arrivals" else ("arrivals", "state=done")
    )
    watched.requests.clear()
    # As a link in the page does it, with something of the old page still under way.
    service.upload("late.bin", b"no image")
    page.evaluate(
        """(to) => {
            const link = document.createElement('a');
            link.href = to;
            document.querySelector('main').append(link);
            link.click();
            link.remove();
        }""",
        f"/{next_name}?{query}",
    )
    page.get_by_role("heading", name=next_name.capitalize(), exact=True).wait_for()
    page.wait_for_timeout(1500)
    api = "/receipts?" if page_name == "arrivals" else "/jobs?"
    asked = [url for url in watched.requests if api in url]
    assert not [url for url in asked if query in url], asked


def test_states_that_make_no_sense_show_the_usual(desktop: Desktop, service: Service) -> None:
    service.closed(service.upload("odd.bin", b"no image")["key"])
    for name in ("jobs", "arrivals"):
        page = desktop.go(f"/{name}?state=banana").page
        page.locator("tbody tr").first.wait_for()
        assert page.locator(".error").count() == 0
