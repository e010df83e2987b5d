"""Projects in a real browser: a folder becomes a project, its settings, and out again as BIDS."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from playwright.sync_api import expect

from tests.exchange.trees import write_image, write_json
from tests.web.pages import Desktop


def test_PROJ_25_a_folder_becomes_a_project_and_goes_out_as_bids(
    desktop: Desktop, tmp_path: Path
) -> None:
    page = desktop.page
    for subject in ("control1", "control2"):
        write_image(tmp_path / "old" / subject / "v1" / "t1_mprage_3" / "s001.nii")
        write_json(tmp_path / "old" / subject / "v1" / "t1_mprage_3" / "s001.json", {"EchoTime": 1})
    (tmp_path / "old" / "note.txt").write_text("left over", encoding="utf-8")
    desktop.go("/projects")
    page.get_by_role("link", name="From existing data…").click()
    page.get_by_placeholder("/data/trial").fill(str(tmp_path / "old"))
    page.get_by_text("Keep: they are codes already").click()
    page.get_by_role("button", name="Look through the folder").click()
    expect(page.get_by_role("heading", name="2 subjects, 2 studies, 4 files")).to_be_visible()
    expect(page.get_by_text("1 file has no place")).to_be_visible()
    expect(page.get_by_role("cell", name="control1#v1").first).to_be_visible()
    page.get_by_role("combobox", name="Project").fill("controls")
    page.get_by_role("button", name="Read the folder").click()
    expect(page.get_by_text("4 of 5 files").first).to_be_visible(timeout=30_000)

    desktop.go("/projects/bids?project=controls")
    expect(page.get_by_text("2 images of 2 subjects and 2 studies")).to_be_visible()
    page.get_by_role("textbox", name="Entities").fill("acq-sag")
    page.get_by_role("textbox", name="Entities").press("Enter")
    expect(page.get_by_text("_acq-sag_T1w.nii").first).to_be_attached()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as zip").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert "sub-control2/anat/sub-control2_acq-sag_T1w.nii" in archive.namelist()


def test_PROJ_04_settings_are_saved_and_a_project_goes_to_the_trash_and_back(
    desktop: Desktop,
) -> None:
    page = desktop.page
    desktop.service.http.post("/projects", json={"name": "short"}).raise_for_status()
    desktop.go("/projects/settings?project=short")
    page.get_by_role("textbox", name="Code of a subject").fill("T{n:03d}")
    expect(page.get_by_text("gives T007")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    page.get_by_role("tab", name="Storage").click()
    page.get_by_role("textbox", name="Quota").fill("2 GB")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("0 B of 2.0 GB")).to_be_visible()
    page.get_by_role("button", name="Put into the trash").click()
    row = page.get_by_role("listitem").filter(has_text="short")
    row.get_by_role("button", name="Bring back").click()
    expect(page.get_by_role("row").filter(has_text="short")).to_be_visible()
    shown = desktop.service.http.get("/projects/short").json()
    assert (shown["settings"]["subject_code"], shown["quota_bytes"]) == ("T{n:03d}", 2_000_000_000)


def test_PROJ_04_what_is_not_saved_is_kept_and_told_when_the_settings_are_left(
    desktop: Desktop,
) -> None:
    page = desktop.page
    desktop.service.http.post("/projects", json={"name": "left"}).raise_for_status()
    desktop.go("/projects/settings?project=left")
    code = page.get_by_role("textbox", name="Code of a subject")
    code.fill("L{n:03d}")
    page.get_by_role("tab", name="Storage").click()
    unsaved = page.get_by_role("status").filter(has_text="Not saved yet")
    expect(unsaved).to_have_text(re.compile("Not saved yet: Names"))
    page.get_by_role("textbox", name="Quota").fill("3 GB")
    page.get_by_role("tab", name="Fields").click()
    page.get_by_role("button", name="Add a field").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Age")
    # Another page says that it waits, and leads back.
    page.get_by_role("link", name="Arrivals").click()
    page.get_by_text("Changes of the settings of left are kept, but not saved").wait_for()
    page.get_by_role("button", name="Go back").click()
    expect(code).to_have_value("L{n:03d}")
    page.get_by_role("button", name="Save").click()
    expect(unsaved).to_have_text(re.compile("Not saved yet: Fields, Storage"))
    page.get_by_role("tab", name="Fields").click()
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("Age")
    unsaved.get_by_role("button", name="Discard changes").click()
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_count(0)
    page.get_by_role("tab", name="Storage").click()
    expect(page.get_by_role("textbox", name="Quota")).not_to_have_value("3 GB")
    expect(unsaved).to_have_count(0)
    kept = desktop.service.http.get("/projects/left").json()["settings"]
    assert kept["subject_code"] == "L{n:03d}"
    # What is fetched from elsewhere when its tab opens does not take the place of what was typed.
    page.get_by_role("tab", name="Protocol").click()
    page.get_by_role("button", name="Add a series").click()
    series = page.get_by_role("textbox", name="Series").first
    series.fill("t1 mprage")
    page.get_by_role("tab", name="Names").click()
    expect(unsaved).to_have_text(re.compile("Not saved yet: Protocol"))
    page.get_by_role("tab", name="Protocol").click()
    expect(series).to_have_value("t1 mprage")
    page.get_by_role("button", name="Save").click()
    expect(unsaved).to_have_count(0)
