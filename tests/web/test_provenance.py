"""How a file was made, seen in the browser: the dialog, a replay, and the mark of what is stale."""

from __future__ import annotations

import re

import pytest

from tests.support.browser import Watched
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]


def make(service: Service, psid: str, source: str, target: str) -> None:
    args = [
        {"id": "f1", "kind": "FILE", "value": source},
        {"id": "o1", "kind": "OUT", "value": target},
    ]
    job = {"name": f"make {target}", "language": "bash", "code": 'rev "$f1" > "$o1"', "args": args}
    batch = {"project": "default", "name": "made", "jobs": [job], "targets": [psid]}
    key = service.post("/batches", batch)["key"]
    wait_until(
        lambda: [row["letter"] for row in service.items("/jobs", batch=key, state="all")] == ["d"],
        "the job is done",
    )


def test_a_file_shows_how_it_was_made_and_that_it_is_out_of_date(
    watched: Watched, service: Service
) -> None:
    key = service.upload("prov.txt", b"abc\n", subject="PROV-1", study="2024")["key"]
    assert service.closed(key)["state"] == "done"
    make(service, "PROV-1#2024", "prov*.txt", "out/first.txt")
    make(service, "PROV-1#2024", "out/first.txt", "out/second.txt")
    desktop = Desktop(watched.page, service).log_in()
    page = desktop.page
    desktop.rows().filter(has_text="PROV-1").first.get_by_role("button", name="Unfold").click()
    desktop.row_of("out/second.txt").click(button="right")
    page.get_by_role("menuitem", name="How was this made?").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("make out/second.txt", exact=True).wait_for()
    dialog.get_by_text("script.sh", exact=True).click()
    dialog.locator("pre", has_text='rev "$f1"').wait_for()
    dialog.get_by_role("button", name="Replay").click()
    dialog.get_by_text("the same, byte by byte").wait_for(timeout=60_000)
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")

    (source,) = service.items("/projects/default/files", files="prov*.txt")
    service.post("/trash", {"files": [source["id"]]})
    row = desktop.row_of("out/first.txt")
    row.get_by_role("img", name=re.compile("^Out of date: .* is in the trash")).wait_for()
    row.click(button="right")
    page.get_by_role("menuitem", name="How was this made?").click()
    dialog.get_by_text(re.compile("Out of date: .* is in the trash")).wait_for()
    dialog.get_by_role("button", name="out/second.txt").click()
    dialog.get_by_text(re.compile("Out of date: out/first.txt")).wait_for()
    dialog.get_by_role("button", name="Recompute").wait_for()
    dialog.get_by_role("button", name="See the job").first.click()
    page.locator("aside", has_text="make out/second.txt").wait_for()
