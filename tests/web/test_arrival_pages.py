"""Routing, Scanner now and Storage in a real browser (GEN-06, GEN-07, PACS-x04)."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from playwright.sync_api import expect

from tests.exchange.kit import write_series
from tests.web.pages import Desktop

SLOW = 30_000


def test_a_rule_is_made_tried_saved_and_leads_what_arrives(
    desktop: Desktop, tmp_path: Path
) -> None:
    page, service = desktop.page, desktop.service
    service.http.post("/projects", json={"name": "ledbyrule"}).raise_for_status()
    facts = {"description": "ruled t1", "patient_id": "RULED1", "name": "R"}
    (path,) = write_series(tmp_path / "a", n=1, study_uid="1.2.826.50.1", **facts)
    assert service.closed(service.upload("a.dcm", path.read_bytes(), "default")["key"])

    desktop.go("/routes")
    page.get_by_role("button", name="Add a rule").click()
    page.get_by_label("Name", exact=True).fill("ruled")
    page.get_by_label("upload", exact=True).check()
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_label("Field", exact=True).fill("SeriesDescription")
    page.get_by_label("Comparison").select_option("like")
    page.get_by_label("Value", exact=True).fill("ruled*")
    page.get_by_role("combobox", name="Project").last.select_option("ledbyrule")
    page.get_by_role("button", name="Try", exact=True).click()
    row = page.get_by_role("row").filter(has_text="ruled_t1_3").first
    expect(row.get_by_role("cell", name="ledbyrule")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Rules saved")).to_be_visible(timeout=SLOW)

    (path,) = write_series(tmp_path / "b", n=1, study_uid="1.2.826.50.2", **facts)
    key = service.upload("b.dcm", path.read_bytes(), "default")["key"]
    assert service.closed(key)["project"] == "ledbyrule"
    desktop.go(f"/arrivals?key={key}")
    panel = page.get_by_role("complementary", name=key)
    expect(panel.get_by_text("by the rule “ruled”")).to_be_visible(timeout=SLOW)
    rev = service.http.get("/routes").json()["rev"]
    service.http.put("/routes", json={"routes": [], "rev": rev}).raise_for_status()


def test_a_session_appears_is_taken_as_protocol_and_the_next_is_judged(
    desktop: Desktop, tmp_path: Path
) -> None:
    page, service = desktop.page, desktop.service
    service.http.post("/projects", json={"name": "scanned"}).raise_for_status()

    def bring(n: int, echo: float) -> None:
        (path,) = write_series(
            tmp_path / str(n), n=1, study_uid=f"1.2.826.51.{n}", patient_id=f"SN{n}", EchoTime=echo
        )
        assert service.closed(service.upload("s.dcm", path.read_bytes(), "scanned")["key"])

    desktop.go("/scanner")
    bring(1, 30)
    first = page.get_by_role("article").filter(has_text="scanned").last
    expect(first.get_by_text("SNR", exact=True)).to_be_visible(timeout=SLOW)
    first.get_by_role("button", name="Take as protocol").click()
    expect(first.get_by_text("complete and as expected")).to_be_visible(timeout=SLOW)
    bring(2, 35)
    second = page.get_by_role("article").filter(has_text="deviates from the protocol")
    deviates = second.get_by_text("EchoTime 35.0, wanted 30.0")
    expect(deviates).to_be_visible(timeout=SLOW)
    # Another protocol is taken at a click, and taken back at another.
    kept = service.get("/projects/scanned/protocol")
    [psid] = service.receipts("scanned")[0]["studies"]
    second.get_by_role("button", name="Take as protocol").click()
    told = page.get_by_role("status").filter(has_text=f"as in {psid}")
    told.hover()  # it stays while the pointer rests on it
    expect(deviates).to_have_count(0, timeout=SLOW)
    told.get_by_role("button", name="Undo").click()
    expect(deviates).to_be_visible(timeout=SLOW)
    again = service.get("/projects/scanned/protocol")
    assert {**again, "rev": 0} == {**kept, "rev": 0}


def test_the_storage_is_measured_and_shown_by_project(desktop: Desktop) -> None:
    page = desktop.page
    desktop.go("/storage")
    page.get_by_role("button", name="Measure now").click()
    expect(page.get_by_role("link", name="default", exact=True)).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("What may be freed")).to_be_visible()


def test_who_frees_storage_by_keyboard_goes_on_where_he_was(desktop: Desktop) -> None:
    page, service = desktop.page, desktop.service
    old = service.folder.cache / "thumbs" / "left" / "over.bin"
    old.parent.mkdir(parents=True)
    old.write_bytes(bytes(1000))
    os.utime(old, (1, 1))
    service.post("/storage/measure")
    desktop.go("/storage")
    free = page.get_by_role("button", name="Free: Cache")
    free.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()  # a key held frees nothing
    page.keyboard.press("Enter")
    expect(free).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="of the cache freed")).to_be_visible()
    focused = page.locator("button:focus")
    expect(focused).to_have_text(re.compile("^(Free|Measure now)"))
    expect(focused).to_be_enabled()


def test_the_storage_shows_how_it_grew(desktop: Desktop) -> None:
    page, service = desktop.page, desktop.service
    then = datetime.now().astimezone() - timedelta(days=30)
    with closing(sqlite3.connect(service.folder.catalog_path, timeout=30)) as con, con:
        con.execute(
            "INSERT OR REPLACE INTO storage_samples (day, project_id, part, size_bytes, n, at)"
            " VALUES (?, 0, 'cache', 1000, 1, ?)",
            (f"{then:%Y-%m-%d}", int(then.timestamp() * 1000)),
        )
    service.post("/storage/measure")
    now = sum(one["size_bytes"] for one in service.get("/storage")["growth"][-1:])
    assert now > 1000
    desktop.go("/storage")
    grown = page.get_by_role("figure", name="Growth")
    expect(grown).to_contain_text(f"1.0 kB on {then:%b} {then.day}, {then.year}", timeout=SLOW)
    points = grown.locator("polyline").get_attribute("points") or ""
    [first, last] = [tuple(map(float, point.split(","))) for point in points.split()]
    # From what there was, low at the left, to the most of all, at the upper right.
    assert (first[0], last) == (0, (400, 0))
    assert first[1] > 0
    expect(grown).to_contain_text(re.compile(r", [\d.]+ [kMG]?B on "))
