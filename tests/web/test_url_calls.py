"""Calls in an address, as other programs make them for NORA (URL-03, URL-04, URL-05)."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.support.service import Service
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]


@pytest.mark.parametrize("encode", [quote, str], ids=["encoded", "as typed"])
def test_URL_03_URL_04_a_call_selects_a_study(
    desktop: Desktop, service: Service, encode: type[str]
) -> None:
    psid = service.items("/projects/default/studies")[0]["psid"]
    pid, sid = psid.split("#")
    call = encode(json.dumps({"pid": pid, "sid": sid, "user": "ann", "token": "SECRET"}))
    page = desktop.go(f"/index.php?asuser=root&project=default&call={call}").page
    row = page.get_by_role("treeitem").filter(has_text=pid)
    expect(row.get_by_role("checkbox").first).to_be_checked()
    expect(page.get_by_text("A user or token in an address is never used")).to_be_visible()
    # Nothing of the call stays in the address or in the history.
    assert "SECRET" not in page.url
    assert "call" not in page.url
    assert "asuser" not in page.url
    assert "project=default" in page.url


def test_URL_04_a_call_that_cannot_be_read_says_so(desktop: Desktop) -> None:
    page = desktop.go("/?project=default&call={oops").page
    expect(page.get_by_text("The call in the address could not be read")).to_be_visible()
    assert "oops" not in page.url
