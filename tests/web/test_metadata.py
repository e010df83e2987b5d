"""The metadata page: columns, filters, plots and SQL over values of JSON files."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]


@pytest.fixture(scope="module", autouse=True)
def values(service: Service) -> None:
    """Three subjects with a JSON file each, in a project of their own."""
    service.post("/projects", {"name": "values"})
    for n in range(1, 4):
        body = json.dumps({"mask": {"volume": n * 1.5}, "quality": "good" if n > 1 else "poor"})
        more = {"subject": f"S-{n}", "study": "V1"}
        key = service.upload("radio_t1.json", body.encode(), "values", **more)["key"]
        assert service.closed(key)["state"] == "done"


def test_columns_are_found_chosen_filtered_and_drawn(desktop: Desktop) -> None:
    page = desktop.go("/metadata?project=values").page
    page.get_by_label("Find a column").fill("mask vol")
    page.get_by_role("button", name="Put radio_t1.mask.volume into the table").click()
    page.get_by_label("Find a column").fill("quality")
    page.get_by_role("button", name="Put radio_t1.quality into the table").click()
    grid = page.get_by_role("region", name="Metadata")
    grid.get_by_text("4.5").wait_for()
    assert grid.get_by_role("row").count() == 4

    page.get_by_role("button", name="radio_t1.mask.volume", exact=True).click()
    page.get_by_role("button", name="radio_t1.mask.volume", exact=True).click()
    page.wait_for_url(re.compile("sort=-radio"))
    wait_until(lambda: "4.5" in grid.get_by_role("row").nth(1).inner_text(), "sorted downwards")

    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_label("Column", exact=True).fill("radio_t1.quality")
    page.get_by_label("Column", exact=True).press("Tab")
    page.get_by_label("Value").fill("good")
    page.get_by_text("2 rows").wait_for()

    page.get_by_role("tab", name="Histogram").click()
    page.get_by_role("img", name="Histogram of radio_t1.mask.volume").wait_for()
    page.get_by_text("median").wait_for()
    page.reload()
    page.get_by_role("img", name="Histogram of radio_t1.mask.volume").wait_for()
    page.get_by_text("2 rows").wait_for()


def test_the_table_is_saved_as_a_file(desktop: Desktop) -> None:
    page = desktop.go("/metadata?project=values&cols=radio_t1.mask.volume").page
    page.get_by_role("button", name="Export").click()
    page.get_by_label("German").check()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save file").click()
    text = waiting.value.path().read_text(encoding="utf-8-sig")
    assert text.splitlines()[:2] == ["subject;study;radio_t1.mask.volume", "S-1;V1;1,5"]


def test_a_statement_is_run_kept_and_drawn(desktop: Desktop, service: Service) -> None:
    page = desktop.go("/metadata/sql?project=values").page
    sql = "SELECT subject, num AS v FROM meta WHERE key LIKE '%.volume' ORDER BY subject"
    page.get_by_label("Statement").fill(sql)
    page.get_by_label("Statement").press("Control+Enter")
    page.get_by_text("3 rows in").wait_for(timeout=60_000)
    answer = page.get_by_role("tablist", name="How the answer is shown")
    answer.get_by_role("tab", name="Histogram").click()
    page.get_by_text("3 rows", exact=True).wait_for()

    page.get_by_role("button", name="Saved").click()
    page.get_by_role("menuitem", name="Save…").click()
    page.get_by_label("Name").fill("volumes")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Statement volumes saved").wait_for()
    saved = service.get("/docs/query/volumes", project="values")
    assert saved["doc"]["sql"] == sql


def test_a_statement_is_stopped(desktop: Desktop) -> None:
    page = desktop.go("/metadata/sql?project=values").page
    endless = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
    page.get_by_label("Statement").fill(endless)
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Run").wait_for()
    page.get_by_label("Statement").fill("SELECT 7 AS seven")
    page.get_by_label("Statement").press("Control+Enter")
    page.get_by_text("1 row in").wait_for(timeout=60_000)
