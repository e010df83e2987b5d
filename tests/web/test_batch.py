"""A batch composed in the browser runs, and its log is seen live."""

from __future__ import annotations

import re

import pytest

from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]

CODE = 'cp "$f1" "$o1"\necho copied by the browser test'


def test_a_bash_job_is_composed_tried_run_and_watched(desktop: Desktop, service: Service) -> None:
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
