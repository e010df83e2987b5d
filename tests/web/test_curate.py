"""Tags, history, trash, users and rights in the browser, as people use them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import watched_page
from tests.support.service import Service
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]


def first_study(service: Service) -> int:
    found = service.http.get("/projects/default/studies").raise_for_status().json()
    return int(found["items"][0]["id"])


def test_PROJ_20_a_tag_is_renamed_in_the_manager_and_comes_back(
    desktop: Desktop, service: Service
) -> None:
    page, study = desktop.page, first_study(service)
    body = {"level": "study", "ids": [study], "add": ["to be named"]}
    service.http.post("/tags", json=body).raise_for_status()
    desktop.go("/tags?project=default")
    row = page.get_by_role("row", name=re.compile("to be named"))
    expect(row).to_be_visible()
    row.get_by_role("button", name="Rename to be named").click()
    page.get_by_label("New name").fill("50% named")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=re.compile("50% named"))).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("row", name=re.compile("to be named"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("50% named"))).to_have_count(0)
    body = {"level": "study", "ids": [study], "remove": ["to be named"]}
    service.http.post("/tags", json=body).raise_for_status()
    expect(page.get_by_role("row", name=re.compile("to be named"))).to_have_count(0)


def test_what_was_deleted_is_put_back_from_the_trash(desktop: Desktop, service: Service) -> None:
    page, study = desktop.page, first_study(service)
    service.http.post("/trash", json={"studies": [study]}).raise_for_status()
    desktop.go("/history?project=default&tab=trash")
    expect(page.get_by_text("Deleted 1 study")).to_be_visible()
    page.get_by_role("button", name="Delete for good…").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Put back").click()
    expect(page.get_by_text("The trash is empty")).to_be_visible()
    page.get_by_role("tab", name="History").click()
    expect(page.get_by_text("Took back: Deleted 1 study")).to_be_visible()
    assert first_study(service) == study


def test_PROJ_x06_a_new_user_sees_what_its_rights_allow(desktop: Desktop, service: Service) -> None:
    page = desktop.page
    desktop.go("/users")
    page.get_by_role("button", name="Add user").click()
    page.get_by_label("Login").fill("visitor")
    page.get_by_role("dialog").get_by_role("button", name="Add user").click()
    page.wait_for_url(re.compile("user=visitor"))
    page.get_by_label("Add project").select_option("default")
    edit = page.get_by_label("default: Edit")
    expect(edit).not_to_be_checked()
    page.get_by_role("button", name="Sign-in link").click()
    link = page.get_by_role("status").get_by_role("code").inner_text()
    browser = page.context.browser
    assert browser is not None
    with watched_page(browser, width=1280, height=800) as other:
        other.page.goto(link)
        other.page.get_by_role("tree").wait_for()
        other.page.goto(f"{service.url}/tags?project=default")
        other.page.get_by_role("heading", name="Tags", exact=True).wait_for()
        expect(other.page.get_by_role("button", name=re.compile("^Rename"))).to_have_count(0)
        other.page.goto(f"{service.url}/settings")
        expect(other.page.get_by_text("Signed in as visitor")).to_be_visible()
        expect(other.page.get_by_role("cell", name="look", exact=True)).to_be_visible()
        assert not other.errors, other.errors
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_role("button", name="Enable")).to_be_visible()


@pytest.mark.parametrize("name", ["tags", "history", "users"])
@pytest.mark.parametrize("width", [1280, 1920])
def test_the_pages_fit_their_window(desktop: Desktop, name: str, width: int) -> None:
    page = desktop.page
    page.set_viewport_size({"width": width, "height": 800})
    desktop.go(f"/{name}")
    page.get_by_role("heading").first.wait_for()
    assert "undefined" not in page.inner_text("body")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
