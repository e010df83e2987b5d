"""Shared links: a view is saved, opened by its address, overwritten, forked and revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.web.pages import Desktop

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.browser import Watched
    from tests.support.service import Service

pytestmark = [pytest.mark.browser, pytest.mark.system]

LAYOUT = "1x2"
LIMITS = {"low": 11, "high": 77}


def change(page: Page) -> None:
    """Let the view differ from what a fresh page shows."""
    page.evaluate(
        """([layout, limits]) => {
            const { viewer } = window.__viewer;
            viewer.setLayout(layout);
            viewer.setLook(viewer.layers[0], { limits });
            viewer.setCrosshair([3, -4, 5]);
        }""",
        [LAYOUT, LIMITS],
    )


def shown(page: Page) -> dict[str, object]:
    found: dict[str, object] = page.evaluate(
        """() => {
            const saved = window.__viewer.viewer.serialize();
            return { layout: saved.layout, crosshair: saved.crosshair,
                     limits: saved.layers[0]?.look.limits,
                     names: saved.layers.map((layer) => layer.file.name) };
        }"""
    )
    return found


def open_panel(page: Page) -> None:
    page.get_by_role("button", name="Links", exact=True).click()
    page.get_by_test_id("links").wait_for()


def test_URL_01_URL_02_a_view_is_shared_opened_overwritten_forked_and_revoked(
    desktop: Desktop, service: Service
) -> None:
    page = desktop.page
    desktop.open_file(".nii")
    desktop.drawn()
    change(page)
    before = shown(page)
    open_panel(page)
    page.get_by_label("Name", exact=True).fill("First look")
    page.get_by_role("button", name="Share this view").click()
    address = page.get_by_label("Address of the link").input_value()
    assert "token" not in urlsplit(address).query

    page.goto(address)
    desktop.drawn()
    assert shown(page) == before

    # A change is saved over the link, or as another one.
    page.evaluate("() => window.__viewer.viewer.setCrosshair([1, 2, 3])")
    expect(page.get_by_text("Opened from First look")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Second look")
    page.get_by_role("button", name="Overwrite this link").click()
    expect(page.get_by_role("button", name="Open “Second look”")).to_be_visible()
    assert page.get_by_label("Address of the link").input_value() == address
    page.get_by_label("Name", exact=True).fill("Third look")
    page.get_by_role("button", name="Save as a new link").click()
    expect(page.get_by_role("button", name="Open “Third look”")).to_be_visible()
    fork = page.get_by_label("Address of the link").input_value()
    assert fork != address

    page.goto(address)
    desktop.drawn()
    assert shown(page)["crosshair"] == [1, 2, 3]
    page.get_by_role("button", name="Revoke “Second look”").click()
    expect(page.get_by_role("button", name="Open “Second look”")).to_have_count(0)
    page.get_by_role("button", name="Open “Third look”").click()
    page.wait_for_url(fork)
    desktop.wait_state(lambda state: state["layout"] == LAYOUT, "the view of the fork")
    keys = {row["title"] for row in service.get("/links", project="default")["items"]}
    assert "Third look" in keys
    assert "Second look" not in keys


def test_URL_01_a_link_that_is_gone_says_so(desktop: Desktop, watched: Watched) -> None:
    page = desktop.go(f"/?project=default&sharelink={'0' * 32}").page
    expect(page.get_by_text("The link could not be opened")).to_be_visible()
    watched.errors[:] = [error for error in watched.errors if "404" not in error]
