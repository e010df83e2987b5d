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


def test_what_is_out_of_date_in_a_study_is_shown_in_its_order_and_recomputed(
    watched: Watched, service: Service
) -> None:
    key = service.upload("again.txt", b"abc\n", subject="AGAIN-1", study="2024")["key"]
    assert service.closed(key)["state"] == "done"
    make(service, "AGAIN-1#2024", "again*.txt", "out/one.txt")
    make(service, "AGAIN-1#2024", "out/one.txt", "out/two.txt")
    desktop = Desktop(watched.page, service).log_in()
    page = desktop.page
    dialog = page.get_by_role("dialog")

    def ask() -> None:
        desktop.rows().filter(has_text="AGAIN-1").first.click(button="right")
        page.get_by_role("menuitem", name="Recompute what is out of date").click()

    ask()
    dialog.get_by_text("Nothing is out of date.").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")

    (source,) = service.items("/projects/default/files", files="again*.txt")
    service.post("/trash", {"files": [source["id"]]})
    key = service.upload("again.txt", b"xyz\n", subject="AGAIN-1", study="2024")["key"]
    assert service.closed(key)["state"] == "done"
    stale = {"files": "STALE:*", "name": "AGAIN-1"}
    wait_until(lambda: service.items("/projects/default/studies", **stale), "it is out of date")
    ask()
    steps = dialog.get_by_role("listitem")
    steps.nth(1).wait_for()
    names = [steps.nth(n).locator("strong").inner_text() for n in range(2)]
    assert names == ["make out/one.txt", "make out/two.txt"]
    dialog.get_by_text("is in the trash").wait_for()
    dialog.get_by_role("button", name="Recompute").click()
    page.get_by_text("2 jobs queued").wait_for()
    wait_until(
        lambda: not service.items("/projects/default/studies", **stale), "nothing is out of date"
    )
