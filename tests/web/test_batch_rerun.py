"""A batch over fifty studies of which five fail is corrected and run again, as a user would."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]

PROJECT = "fifty"
STUDIES = 50
BAD = {f"B-{n:02d}" for n in (3, 11, 24, 37, 48)}
CODE = 'grep -q good "$f1" || { echo "bad values in $f1" >&2; exit 3; }\ncp "$f1" "$o1"'
CORRECTED = 'sed s/odd/good/ "$f1" > "$o1"'


@pytest.fixture(scope="module")
def fifty(service: Service) -> Service:
    """A project with fifty studies of one small file; five of the files are odd."""
    service.post("/projects", {"name": PROJECT})
    for n in range(STUDIES):
        subject = f"B-{n:02d}"
        body = b"odd values" if subject in BAD else b"good values"
        service.upload("values.txt", body, project=PROJECT, subject=subject, study="v1")
    wait_until(
        lambda: service.get(f"/projects/{PROJECT}/files", limit=1)["total"] == STUDIES,
        "all files are in",
        within_s=120,
    )
    return service


def jobs(service: Service, **query: Any) -> list[dict[str, Any]]:
    """Jobs of the project."""
    return service.items("/jobs", project=PROJECT, limit=200, **query)


def write(page: Any, code: str) -> None:
    """Type a script in place of what is there."""
    editor = page.get_by_label("Code", exact=True).filter(visible=True)
    editor.click()
    editor.press("ControlOrMeta+a")
    page.keyboard.insert_text(code)


def test_BATCH_03_GRID_x02_failed_studies_are_corrected_and_run_again(
    desktop: Desktop, fifty: Service
) -> None:
    page = desktop.go(f"/?project={PROJECT}&level=studies").page
    page.get_by_text(f"{STUDIES} studies").wait_for()
    page.get_by_role("tree").focus()
    page.keyboard.press("ControlOrMeta+a")
    page.get_by_role("button", name=re.compile("Run batch")).click()
    page.get_by_role("button", name="Open as page").click()
    page.get_by_role("heading", name="Batch", exact=True).wait_for()
    page.get_by_role("button", name="Add job").click()
    page.get_by_role("menuitem", name="BASH script").click()
    write(page, CODE)
    page.get_by_label("$f1", exact=True).filter(visible=True).fill("values*.txt")
    page.get_by_label("$o1", exact=True).filter(visible=True).fill("out/checked.txt")
    page.get_by_role("button", name=re.compile("^Try")).click()
    page.get_by_role("heading", name=f"{STUDIES} jobs have what they need").wait_for(timeout=60_000)
    assert page.get_by_role("region", name="What each job would get").locator("tbody tr").count()
    page.get_by_role("button", name=f"Run on {STUDIES}").click()
    ended = page.get_by_text(f"{STUDIES} of {STUDIES} finished").filter(visible=True)
    ended.wait_for(timeout=180_000)

    page.get_by_role("link", name="See jobs").first.click()
    page.get_by_role("tab", name="Errors").click()
    failed = page.locator("tbody tr")
    wait_until(lambda: failed.count() == len(BAD), "the failed ones alone")
    # Why it failed is in its log.
    failed.first.locator("button.state").click()
    panel = page.locator("aside")
    panel.locator("pre", has_text="bad values in").wait_for()
    panel.get_by_label("Search the log").fill("bad values")
    panel.get_by_text("1 line with").wait_for()
    panel.get_by_role("button", name="Close").click()
    # So it is in the logs of all of them; a hit opens the log at its line.
    page.get_by_role("button", name="Search in logs", exact=True).click()
    logs = page.get_by_role("region", name="Search in logs")
    logs.get_by_role("searchbox").fill("bad values")
    logs.get_by_text(f"In {len(BAD)} logs").wait_for()
    logs.get_by_role("listitem").first.click()
    panel.locator("mark", has_text="bad values in").wait_for()
    panel.get_by_role("button", name="Close").click()
    logs.get_by_role("button", name="Close the search in logs").click()
    # All of them, with another script.
    page.get_by_role("checkbox", name="Select all shown").check()
    page.get_by_role("button", name=re.compile("^Edit and run again")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Nothing changed").wait_for()
    write(page, CORRECTED)
    dialog.get_by_role("button", name=re.compile("^Try")).click()
    dialog.get_by_text(f"{len(BAD)} jobs have what they need").wait_for(timeout=60_000)
    dialog.get_by_role("button", name=f"Run {len(BAD)} again").click()
    dialog.wait_for(state="detached")
    page.get_by_text("No jobs like that").wait_for(timeout=120_000)
    batch = max(job["batch_key"] for job in jobs(fifty) if job["batch_key"])
    done = wait_until(
        lambda: len(found := jobs(fifty, state="d", batch=batch)) == STUDIES and found,
        "all are done",
    )
    again = {job["psid"].split("#")[0] for job in done if job["attempt"] == 2}
    assert again == BAD
    assert {job["attempt"] for job in done} == {1, 2}
    outputs = fifty.items(f"/projects/{PROJECT}/files", files="out/checked.txt")
    assert len(outputs) == STUDIES
    one = next(job for job in done if job["attempt"] == 2)
    detail = fifty.get(f"/jobs/{one['key']}")
    assert [attempt["state"] for attempt in detail["attempts"]] == ["failed", "done"]


def test_BATCH_18_a_dry_run_tells_of_each_study_and_takes_decisions(
    desktop: Desktop, fifty: Service
) -> None:
    studies = fifty.items(f"/projects/{PROJECT}/studies", sort="pid")[:3]
    fifty.upload("values2.txt", b"more", project=PROJECT, subject="B-00", study="v1")
    wait_until(
        lambda: fifty.get(f"/projects/{PROJECT}/files", files="values2*", limit=1)["total"] == 1,
        "the second file",
    )
    picked = quote(",".join(study["psid"] for study in studies))
    page = desktop.go(f"/?project={PROJECT}&level=studies&sel={picked}").page
    page.get_by_role("button", name=re.compile("Run batch")).click()
    page.get_by_role("button", name="Open as page").click()
    page.get_by_role("heading", name="Batch", exact=True).wait_for()
    page.get_by_role("button", name="Add job").click()
    page.get_by_role("menuitem", name="BASH script").click()
    write(page, 'cat "$f1" > "$o1"; echo $s1')
    assert page.locator(".arg").filter(visible=True).count() == 3
    page.get_by_label("$f1", exact=True).filter(visible=True).fill("values*.txt")
    page.get_by_role("button", name="More about $f1").click()
    page.get_by_role("menuitemcheckbox", name="There must be one").click()
    page.get_by_label("$o1", exact=True).filter(visible=True).fill("out/new.txt")
    page.get_by_label("$s1", exact=True).filter(visible=True).fill("x")
    page.get_by_role("button", name=re.compile("^Try")).click()
    page.get_by_role("heading", name="1 of 3 cannot start").wait_for(timeout=30_000)
    table = page.get_by_role("region", name="What each job would get")
    table.get_by_text("2 matches").wait_for()
    table.get_by_label("What to do: B-00#v1 f1").select_option("last")
    page.get_by_role("heading", name="3 jobs have what they need").wait_for(timeout=30_000)
    # What is decided is kept with the batch, and a file carries it elsewhere.
    page.get_by_label("Name", exact=True).filter(visible=True).fill("one of two")
    page.get_by_role("button", name="Saved…").click()
    dialog = page.get_by_role("dialog")
    with page.expect_download() as waiting:
        dialog.get_by_role("button", name="Save as file", exact=True).click()
    sent = json.loads(waiting.value.path().read_text())
    assert sent["name"] == "one of two"
    assert sent["choices"][0]["do"] == "last"
    dialog.get_by_label("For whom").select_option(label="Only for me")
    dialog.get_by_role("button", name="Save", exact=True).click()
    saved = wait_until(lambda: fifty.items("/batches/saved", project=PROJECT), "it is saved")
    assert saved[0]["private"]
    page.get_by_role("button", name="Saved…").click()
    dialog.get_by_role("button", name="New, empty batch").click()
    page.get_by_text("No jobs in this batch").filter(visible=True).wait_for()
    page.get_by_role("button", name="Saved…").click()
    dialog.get_by_label("From file…").set_input_files(waiting.value.path())
    page.get_by_text("loaded from the file").wait_for()
    assert page.get_by_label("Name", exact=True).filter(visible=True).input_value() == "one of two"
    page.get_by_role("button", name="Unfold").filter(visible=True).click()
    assert page.get_by_label("$f1", exact=True).filter(visible=True).input_value() == "values*.txt"


def test_BATCH_x02_jobs_are_moved_by_keys_and_taken_out(desktop: Desktop, fifty: Service) -> None:
    page = desktop.go(f"/batch?project={PROJECT}").page
    for kind in ("BASH script", "Python script"):
        page.get_by_role("button", name="Add job").click()
        page.get_by_role("menuitem", name=kind).click()
    names = page.get_by_label("Name of the job")
    assert [names.nth(i).input_value() for i in range(2)] == ["bash 1", "python 1"]
    page.get_by_role("button", name="Move python 1").focus()
    page.keyboard.press("ArrowUp")
    assert [names.nth(i).input_value() for i in range(2)] == ["python 1", "bash 1"]
    grip = page.get_by_role("button", name="Move bash 1").bounding_box()
    card = page.get_by_role("region", name="python 1").bounding_box()
    assert grip
    assert card
    page.mouse.move(grip["x"] + 6, grip["y"] + 10)
    page.mouse.down()
    page.mouse.move(card["x"] + 60, card["y"] + 30, steps=4)
    page.mouse.move(card["x"] + 60, card["y"] + 8, steps=4)
    page.mouse.up()
    wait_until(lambda: names.first.input_value() == "bash 1", "it was dragged up")
    card_menu = page.get_by_role("region", name="bash 1").get_by_role("button", name="More").first
    card_menu.click()
    page.get_by_role("menuitemcheckbox", name="Take part").click()
    page.get_by_text("off", exact=True).wait_for()


def test_GRID_07_08_x01_PROJ_22_columns_filter_sort_are_chosen_and_lead_on(
    desktop: Desktop, fifty: Service
) -> None:
    studies = [one["psid"] for one in fifty.items(f"/projects/{PROJECT}/studies")[:3]]
    steps = [
        {"name": name, "language": "bash", "code": "true", "args": [], "on_error": "report"}
        for name in ("alpha", "beta")
    ]
    batch = {"project": PROJECT, "name": "columns", "jobs": steps, "targets": studies}
    key = fifty.post("/batches", batch)["key"]
    wait_until(
        lambda: all(job["letter"] == "d" for job in jobs(fifty, batch=key)), "all ran", within_s=90
    )
    page = desktop.go(f"/jobs?project={PROJECT}&batch={key}&state=all").page
    rows = page.locator("tbody tr")
    wait_until(lambda: rows.count() == 6, "six jobs")
    page.get_by_role("button", name="Filter by column").click()
    page.get_by_label("Filter: Job").fill("beta")
    wait_until(lambda: rows.count() == 3, "three of them")
    page.get_by_role("columnheader", name="Study").get_by_role("button").click()
    page.wait_for_url(re.compile("sort=-psid"))
    shown = wait_until(
        lambda: (now := [r.inner_text() for r in rows.all()]) == sorted(now, reverse=True) and now,
        "sorted",
    )
    assert len(shown) == 3
    page.get_by_role("button", name="Columns", exact=True).click()
    page.get_by_role("menuitemcheckbox", name="Owner").click()
    page.get_by_role("columnheader", name="Owner").wait_for()
    # The study is selected in the table (GRID-08), the function shows its JSON (GRID-07).
    rows.first.get_by_title("Show what").click()
    page.locator("aside pre", has_text='"language": "bash"').wait_for()
    rows.first.get_by_title(re.compile("^Select ")).click()
    page.wait_for_url(re.compile("sel="))
