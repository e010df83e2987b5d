"""What a careful user tries: decisions, ended sessions, help, long names, tokens, bad uploads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from appliance.upkeep.demo_dicom import MadePatient
from tests.support.browser import Watched
from tests.support.samples import blob, tiny_series, zip_of
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.conftest import fill
from tests.web.pages import Desktop
from tests.web.test_pages import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.system]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of its own: what is brought in here would be in other tests' way."""
    root = tmp_path_factory.mktemp("care")
    running = Service(root / "data").start()
    try:
        fill(running, root)
        yield running
    finally:
        running.stop()


def arrive(service: Service, folder: Path, patient: MadePatient) -> dict[str, Any]:
    """Upload a series of a patient and wait for its receipt."""
    key = service.upload("series.zip", zip_of(tiny_series(folder, patient=patient)))["key"]
    return service.closed(key)


def disagreeing(service: Service, folder: Path, patient_id: str) -> tuple[str, str]:
    """A subject, and the key of an arrival with its PatientID and another name."""
    known = arrive(service, folder / "a", MadePatient("ONE^A", patient_id, "19600101", "F"))
    other = MadePatient("TWO^B", patient_id, "19700202", "F", "20240808")
    receipt = arrive(service, folder / "b", other)
    assert receipt["state"] == "waiting"
    return known["studies"][0].split("#")[0], str(receipt["key"])


def test_the_same_person_is_decided_without_typing_a_code(
    desktop: Desktop, service: Service, tmp_path: Path
) -> None:
    subject, key = disagreeing(service, tmp_path, "CARE-1")
    page = desktop.go(f"/arrivals?key={key}").page
    page.get_by_role("radio", name="The same person").check()
    page.get_by_role("button", name="Decide").click()
    closed = wait_until(
        lambda: r if (r := service.receipt(key))["state"] == "done" else None, "it goes on"
    )
    assert closed is not None
    assert closed["studies"] == [f"{subject}#2024-08-08"]
    page.locator("aside").get_by_role("link", name=f"{subject}#2024-08-08").wait_for()


def test_both_identities_stand_side_by_side_when_asked_for(
    desktop: Desktop, service: Service, tmp_path: Path
) -> None:
    subject, key = disagreeing(service, tmp_path, "CARE-3")
    page = desktop.go(f"/arrivals?key={key}").page
    page.get_by_text("Showing them is recorded").wait_for()
    assert page.get_by_text("TWO, B").count() == 0
    page.get_by_role("button", name="Show identities").click()
    table = page.get_by_role("table", name="Both identities")
    table.get_by_text(f"Known as {subject}").wait_for()
    rows = [re.sub(r"\s+", " ", row) for row in table.get_by_role("row").all_inner_texts()]
    assert rows[1:] == [
        "Patient ID CARE-3 CARE-3",
        "Name differs TWO, B ONE, A",
        "Birth date differs 1970-02-02 1960-01-01",
        "Sex F F",
    ]
    page.get_by_role("button", name="Hide identities").click()
    assert page.get_by_text("TWO, B").count() == 0
    record = service.post("/sql", {"sql": "SELECT actor, verb FROM operations"})["rows"]
    assert ["owner", "reveal-arrival"] in record


def test_without_the_right_it_says_so(
    desktop: Desktop, watched: Watched, service: Service, tmp_path: Path
) -> None:
    _, key = disagreeing(service, tmp_path, "CARE-4")
    page = desktop.page

    def lessen(route: Any) -> None:
        answer = route.fetch()
        told = answer.json()
        told["user"] |= {"is_admin": False, "rights": ["reader", "editor"]}
        route.fulfill(response=answer, json=told)

    def lessen_projects(route: Any) -> None:
        answer = route.fetch()
        told = answer.json()
        for one in told["items"]:
            one["rights"] = ["reader", "editor"]
        route.fulfill(response=answer, json=told)

    page.route("**/api/v1/session", lessen)
    page.route("**/api/v1/projects", lessen_projects)
    desktop.go(f"/arrivals?key={key}")
    page.get_by_text("you lack the right").wait_for()
    assert page.get_by_role("button", name="Show identities").count() == 0
    page.unroute_all(behavior="wait")


def test_what_nobody_needs_is_kept_aside_and_is_no_problem_any_more(
    desktop: Desktop, service: Service
) -> None:
    key = service.upload("nobodys.bin", b"no image")["key"]
    assert service.closed(key)["state"] == "failed"
    page = desktop.go(f"/arrivals?key={key}").page
    page.locator("summary", has_text="Put into a study").click()
    page.get_by_role("button", name="Keep aside").click()
    wait_until(lambda: service.receipt(key)["state"] == "done", "it is accounted for")
    page.locator("aside").get_by_text("set aside by a person").first.wait_for()


def test_what_was_set_aside_can_still_be_put_into_a_study(
    desktop: Desktop, service: Service, tmp_path: Path
) -> None:
    subject, key = disagreeing(service, tmp_path, "CARE-2")
    page = desktop.go(f"/arrivals?key={key}").page
    page.get_by_role("radio", name="Keep aside").check()
    page.get_by_role("button", name="Decide").click()
    page.locator("summary", has_text="Put into a study").click()
    page.get_by_role("textbox", name="Subject", exact=True).fill(subject)
    page.get_by_role("button", name="Put there").click()
    wait_until(lambda: service.receipt(key)["state"] == "done", "it is stored")


def test_signing_in_again_after_the_session_ended_leads_back(
    desktop: Desktop, watched: Watched, service: Service
) -> None:
    page = desktop.page
    # What the page asks at its start has been answered: the next request is that of the page.
    asked = "() => performance.getEntriesByType('resource').some((one) => /presets/.test(one.name))"
    page.wait_for_function(asked)
    page.context.clear_cookies()
    page.get_by_role("link", name="Health").click()
    page.get_by_label("Code").fill(service.login_link())
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=re.compile("Health")).wait_for()
    # The refused requests are what this is about; anything else fails the test.
    watched.errors[:] = [error for error in watched.errors if "401" not in error]


@pytest.mark.parametrize("name", ["", *PAGES])
def test_help_opens_on_every_page_and_gives_the_focus_back(desktop: Desktop, name: str) -> None:
    page = desktop.go(f"/{name}").page
    holder = page.get_by_role("link", name="Manual")
    dialog = page.get_by_role("dialog", name="Keys")

    def asked() -> bool:
        holder.focus()  # a page that has just loaded may take the focus into a field of its own
        page.keyboard.press("?")
        return dialog.is_visible()

    for close in ("Escape", "Enter"):
        wait_until(asked, "the help")
        assert dialog.evaluate("node => node === document.activeElement")
        if close == "Enter":
            # The tooltip of its close button goes while the dialog goes.
            dialog.get_by_role("button", name="Close").focus()
            page.locator(".tip", has_text="Close").wait_for()
        page.keyboard.press(close)
        dialog.wait_for(state="detached")
        assert holder.evaluate("node => node === document.activeElement")


def test_checked_studies_stay_checked_on_other_pages(desktop: Desktop) -> None:
    page = desktop.page
    desktop.rows().first.get_by_role("checkbox").check()
    page.get_by_role("button", name="Run batch").click()
    page.get_by_role("button", name="Open as page").click()
    page.wait_for_url(re.compile("/batch"))
    page.locator("button:visible", has_text="1 checked").wait_for()
    page.get_by_role("link", name="Jobs", exact=True).first.click()
    page.wait_for_url(re.compile("/jobs"))
    page.get_by_role("link", name="Images").click()
    page.wait_for_url(re.compile("sel="))
    assert desktop.rows().first.get_by_role("checkbox").is_checked()


def test_a_long_name_leaves_a_short_tag_whole(desktop: Desktop, service: Service) -> None:
    name = "an_image_that_somebody_exported_with_a_name_without_end_v2_final.nii"
    body = nib.Nifti1Image(blob(), np.eye(4)).to_bytes()  # type: ignore[no-untyped-call]
    receipt = service.upload(name, body, subject="C" * 40, study="2023-03-03")
    assert service.closed(receipt["key"])["state"] == "done"
    (found,) = [f for f in service.items("/projects/default/files") if f["name"] == name]
    service.post("/tags", {"level": "file", "ids": [found["id"]], "add": ["mask"], "remove": []})
    desktop.go("/?name=CCCC").rows().first.wait_for()
    wait_until(lambda: desktop.rows().count() == 1, "only this study is shown")
    desktop.unfold_all()
    row = desktop.row_of(name)
    chip = row.get_by_text("mask", exact=True)
    chip.wait_for()
    assert chip.evaluate("node => node.scrollWidth <= node.clientWidth + 1")
    assert row.evaluate("node => node.scrollWidth <= node.clientWidth")


def test_a_bad_zip_says_why_where_it_was_uploaded(desktop: Desktop, tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"this is no zip")
    page = desktop.go("/upload").page
    page.get_by_test_id("files").set_input_files(str(bad))
    page.get_by_text("the zip is damaged").wait_for()


def test_URL_x01_a_token_is_shown_once_and_no_longer_when_revoked(desktop: Desktop) -> None:
    page = desktop.go("/settings").page
    page.get_by_role("textbox", name="Name").fill("node")
    page.get_by_role("checkbox", name="reader").check()
    page.get_by_role("button", name="Make token").click()
    page.get_by_text("only time the token is shown").wait_for()
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    page.get_by_text("Token revoked").wait_for()
    assert page.get_by_text("only time the token is shown").count() == 0


def test_errors_of_an_absent_service_go_by_themselves(
    desktop: Desktop, watched: Watched, service: Service
) -> None:
    page = desktop.page
    page.route("**/api/v1/manual", lambda route: route.abort())
    page.get_by_role("link", name="Manual").click()
    page.get_by_text("The manual could not be read").wait_for()
    page.unroute("**/api/v1/manual")
    service.kill()
    service.start()
    page.get_by_text("First steps").first.wait_for(timeout=60_000)
    watched.errors[:] = [e for e in watched.errors if "Failed to load" not in e]
