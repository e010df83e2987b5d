"""A batch composed in the browser runs, and its log is seen live."""

from __future__ import annotations

import re

import pytest

from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]

CODE = 'cp "$f1" "$o1"\necho copied by the browser test'


def test_BATCH_08_11_a_bash_job_is_composed_tried_run_and_watched(
    desktop: Desktop, service: Service
) -> None:
    page = desktop.page
    row = desktop.rows().filter(has_text="2024").first
    row.get_by_role("checkbox").click()
    page.get_by_role("button", name=re.compile("Run batch")).click()
    page.get_by_role("button", name="Add job").click()
    page.get_by_role("menuitem", name=re.compile("bash", re.IGNORECASE)).click()
    page.get_by_label("Code", exact=True).fill(CODE)
    source = page.get_by_label("$f1", exact=True)
    source.fill("*t1*.nii")
    page.get_by_label("$o1", exact=True).fill("browser/copy.nii TAG(browser)")
    page.get_by_role("button", name=re.compile("^Try")).click()
    page.get_by_text("s001").first.wait_for()
    page.get_by_role("button", name=re.compile("^Run on 1")).click()
    page.get_by_text("1 of 1 finished").wait_for(timeout=60_000)
    page.get_by_role("link", name="See jobs").click()
    page.get_by_role("button", name=re.compile("done|d", re.IGNORECASE)).first.wait_for()
    page.locator("tbody button.state").first.click()
    page.locator("pre", has_text="copied by the browser test").wait_for()
    found = wait_until(
        lambda: service.items("/projects/default/files", files="*browser/copy*"), "the output"
    )
    assert found[0]["tags"] == ["browser"]


SLOW = "for n in $(seq 1 400); do echo line $n; sleep 0.05; done"
_AT_END = "node => node.scrollTop + node.clientHeight > node.scrollHeight - 24"


def test_GRID_10_the_log_of_a_running_job_is_followed_until_somebody_scrolls_up(
    desktop: Desktop, service: Service
) -> None:
    psid = service.items("/projects/default/studies")[0]["psid"]
    jobs = [{"name": "slow", "language": "bash", "code": SLOW, "args": []}]
    batch = {"project": "default", "name": "slow", "jobs": jobs, "targets": [psid]}
    key = service.post("/batches", batch)["key"]
    page = desktop.go(f"/jobs?batch={key}&state=all").page
    row = page.locator("tbody tr").first
    row.wait_for()
    row.focus()
    page.keyboard.press("Enter")
    log = page.locator("aside pre")
    page.locator("aside pre", has_text="line 60").wait_for(timeout=60_000)
    assert log.evaluate(_AT_END)
    assert page.get_by_role("checkbox", name="Follow").is_checked()
    log.evaluate("node => (node.scrollTop = 0)")
    wait_until(lambda: not page.get_by_role("checkbox", name="Follow").is_checked(), "let go")
    before = log.inner_text()
    wait_until(lambda: log.inner_text() != before, "it grows")
    assert log.evaluate("node => node.scrollTop") == 0
    page.get_by_role("checkbox", name="Follow").check()
    assert log.evaluate(_AT_END)
    page.get_by_role("button", name="Kill").click()
    wait_until(
        lambda: service.items("/jobs", batch=key)[0]["letter"] == "k", "it is killed", within_s=30
    )


def test_GRID_01_06_a_row_opens_and_what_was_dismissed_comes_back(
    desktop: Desktop, service: Service
) -> None:
    service.closed(service.upload("nothing.bin", b"no image")["key"])
    page = desktop.go("/jobs?state=e").page
    bar = page.locator(".bar")
    row = page.locator("tbody tr").filter(has_text="import (upload)").first
    row.locator("td.pick").click(position={"x": 40, "y": 2})
    assert page.locator("aside").count() == 0
    row.locator("td.why").click()
    panel = page.get_by_role("complementary", name="import (upload)")
    panel.wait_for()
    panel.get_by_role("button", name="Close").click()
    row.focus()
    page.keyboard.press("Space")
    assert row.get_by_role("checkbox").is_checked()
    total = page.locator("tbody tr").count()
    away = len(service.items("/jobs", state="dismissed"))
    bar.get_by_role("button", name="Dismiss").click()
    wait_until(lambda: page.locator("tbody tr").count() == total - 1, "it is gone")
    page.get_by_role("button", name="Undo").click()
    wait_until(lambda: page.locator("tbody tr").count() == total, "it is back")
    row.get_by_role("button", name="Dismiss").click()
    wait_until(lambda: page.locator("tbody tr").count() == total - 1, "it is gone again")
    # The rows of the other tab stay until those of this one are there.
    with page.expect_response(lambda answer: "state=dismissed" in answer.url):
        page.get_by_role("tab", name="Dismissed").click()
    # Tests before this one may have dismissed some of their own.
    wait_until(lambda: page.locator("tbody tr").count() == away + 1, "only what was dismissed")
    page.locator("thead").get_by_role("checkbox").check()
    bar.get_by_role("button", name="Bring back").click()
    page.get_by_text("Nothing was dismissed").wait_for()
