"""The page PACS query with a real Orthanc: searching, pulling by each way, and sending back.

PACS-01 to PACS-12, GEN-06, GEN-09.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.exchange.kit import write_series
from tests.support.browser import Watched, watched_page
from tests.support.orthanc import Orthanc, an_orthanc
from tests.support.samples import tiny_series, zip_of
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

UID = "1.2.826.0.1.3680043.10.994"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """Two persons with one PatientID, and a third one."""
    root = tmp_path_factory.mktemp("orthanc")
    people: list[dict[str, Any]] = [
        {"patient_id": "K1", "name": "SAME^ONE", "birth": "19500102"},
        {"patient_id": "K1", "name": "OTHER^TWO", "birth": "19800102", "sex": "M"},
        {"patient_id": "K2", "name": "THIRD^THREE"},
    ]
    with an_orthanc(root / "o", web=True) as running:
        for n, person in enumerate(people, 1):
            uid = f"{UID}.{n}"
            running.fill(write_series(root / f"{n}a", study_uid=uid, n=3, size=8, **person))
            t2 = {"number": 4, "description": "t2 tse"}
            running.fill(write_series(root / f"{n}b", study_uid=uid, n=2, size=8, **person, **t2))
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, orthanc: Orthanc) -> Iterator[Service]:
    """A service that knows no archive yet."""
    root = tmp_path_factory.mktemp("web")
    running = Service(root / "data").start()
    try:
        orthanc.knows("NORA", running.dicom_port)
        shown = zip_of(tiny_series(root / "series", shape=(8, 8, 4)))
        running.closed(running.upload("series.zip", shown)["key"])
        yield running
    finally:
        running.stop()


@pytest.fixture
def watched(browser: Browser, service: Service) -> Iterator[Watched]:
    """A fresh page; at the end it must have no error."""
    with watched_page(browser, width=1280, height=800) as watched:
        yield watched
        assert not watched.errors, watched.errors


def enter(desktop: Desktop, name: str, fields: dict[str, str]) -> None:
    """Enter an archive on the page of the settings, unless it is there."""
    page = desktop.go("/settings#pacs").page
    page.get_by_role("button", name="Add an archive").wait_for()
    if page.get_by_role("cell", name=name, exact=True).count():
        return
    page.get_by_role("button", name="Add an archive").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Images come").select_option(label=fields.pop("way"))
    for label, value in fields.items():
        dialog.get_by_label(label, exact=True).fill(value)
    dialog.get_by_label("MOVE pause, s").fill("0")
    dialog.get_by_label("FIND pause, s").fill("0")
    dialog.get_by_text("More settings").click()
    dialog.get_by_label("Images may be sent to it").check()
    expect(dialog.get_by_label("It is asked whose a study is")).to_be_checked()
    dialog.get_by_label("Images may be sent to it").set_checked(name != "get")
    dialog.get_by_role("button", name="Test").click()
    expect(dialog.get_by_role("status")).to_contain_text("answers", timeout=30_000)
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("cell", name=name, exact=True).wait_for()


def enter_all(desktop: Desktop, orthanc: Orthanc) -> None:
    dicom = {"Its AE title": orthanc.title, "Host": "127.0.0.1", "Port": str(orthanc.port)}
    enter(desktop, "move", {"way": "C-MOVE to our listener", **dicom})
    enter(desktop, "get", {"way": "C-GET over our own connection", **dicom})
    url = str(orthanc.web_node()["url"])
    enter(desktop, "web", {"way": "DICOMweb", "URL of DICOMweb": url})


def search(page: Page, node: str, **fields: str) -> tuple[Locator, Locator]:
    """Search, and give the two tables."""
    page.get_by_label("Archive", exact=True).select_option(node)
    for label, value in fields.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label("PatientID", exact=True).press("Enter")
    page.get_by_role("button", name="Run search").wait_for()
    studies = page.get_by_role("grid", name="Studies")
    studies.wait_for()
    return studies, page.get_by_role("grid", name="Series")


def pulled(service: Service) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.get("/projects/default/pacs/pulls")["items"]
    return found


@pytest.mark.timeout(900)
def test_GEN_09_PACS_04_PACS_07_09_a_cohort_is_queried_pulled_by_every_way_and_sent_back(
    desktop: Desktop, orthanc: Orthanc, service: Service
) -> None:
    enter_all(desktop, orthanc)
    page = desktop.go("/").ready().page
    page.get_by_role("button", name="Tools of the images").click()
    page.get_by_role("menuitem", name="PACS query").click()
    # Two persons with one PatientID: told apart, and pulled one after the other.
    studies, series = search(page, "move", PatientID="K1")
    expect(studies.get_by_text("SAME^ONE")).to_be_visible()
    expect(studies.get_by_text("OTHER^TWO")).to_be_visible()
    assert studies.get_by_label("2 different persons have this PatientID").count() == 2
    t1 = series.get_by_role("row").filter(has_text="t1 mprage")
    expect(t1.get_by_role("gridcell").nth(5)).to_have_text("2")  # inStudies
    studies.get_by_text("SAME^ONE").click()
    expect(t1).to_have_class(re.compile("marked"))
    pull_by(page, service, "move", "SAME^ONE")
    for node, person in (("get", "OTHER^TWO"), ("web", "THIRD^THREE")):
        search(page, node, PatientID="K*")
        pull_by(page, service, node, person)
    came = {one["node"]: one for one in pulled(service)}
    ends = {name: (one["state"], one["n_received"]) for name, one in came.items()}
    assert ends == dict.fromkeys(("move", "get", "web"), ("done", 3))
    receipts = {name: service.closed(one["receipts"][0]) for name, one in came.items()}
    subjects = [psid.split("#")[0] for one in receipts.values() for psid in one["studies"]]
    assert len(set(subjects)) == len(subjects) >= 2
    waits = [one for one in receipts.values() if one["state"] == "waiting"]
    assert len(subjects) + len(waits) == 3  # the same ID with another name may wait for a person
    # What was made here goes back: by C-STORE from the image, by STOW-RS from the page.
    send_picture(desktop, receipts["move"]["studies"][0], "move")
    assert in_study(orthanc, 1, Modality="OT") == 1
    send_study(desktop, receipts["web"]["studies"][0], "web")
    assert in_study(orthanc, 3) == 5  # the very objects, which it had; none became another one


def send_picture(desktop: Desktop, psid: str, node: str) -> None:
    """Open the image of a study, and send the picture of its viewport."""
    page = desktop.go(f"/?name={psid.partition('#')[0]}").ready().page
    desktop.open_file("s001.nii")
    desktop.drawn()
    page.locator('.viewport[data-kind="axial"]').first.hover()
    page.get_by_role("button", name="Send this picture to PACS…").first.click()
    dialog = page.get_by_role("dialog", name="Send to PACS")
    dialog.get_by_label("To").select_option(node)
    expect(dialog.get_by_role("img", name="Screenshot")).to_be_visible()
    expect(dialog.get_by_test_id("push-fate")).to_contain_text("has the study", timeout=30_000)
    dialog.get_by_role("button", name=f"Send 1 object to {node}").click()
    expect(dialog.get_by_test_id("push-row")).to_contain_text("arrived", timeout=60_000)
    dialog.get_by_role("button", name="Close").last.click()


def send_study(desktop: Desktop, psid: str, node: str) -> None:
    """Check a study in the table, and send it from the page, where what was sent is listed."""
    page = desktop.go(f"/?name={psid.partition('#')[0]}").ready().page
    desktop.rows().first.get_by_role("checkbox").check()
    page.get_by_role("button", name="Tools of the images").click()
    page.get_by_role("menuitem", name="PACS query").click()
    page.get_by_role("tab", name="Sent").click()
    page.get_by_role("button", name="Send to PACS…").click()
    dialog = page.get_by_role("dialog", name="Send to PACS")
    dialog.get_by_label("To").select_option(node)
    dialog.get_by_role("button", name=re.compile(f"Send 3 objects to {node}")).click()
    expect(dialog.get_by_test_id("push-row")).to_contain_text("arrived", timeout=60_000)
    dialog.get_by_role("button", name="Close").last.click()
    sent = page.get_by_role("table", name="Sent").get_by_role("row")
    for one in ("move", node):
        row = sent.filter(has=page.get_by_role("cell", name=one, exact=True))
        expect(row).to_contain_text("arrived", timeout=30_000)


def in_study(orthanc: Orthanc, n: int, **query: str) -> int:
    """Count the objects of the n-th study in the archive."""
    asked = {"Level": "Instance", "Query": {"StudyInstanceUID": f"{UID}.{n}", **query}}
    return len(orthanc.http.post("/tools/find", json=asked).json())


def pull_by(page: Page, service: Service, node: str, person: str) -> None:
    """Check the t1 of a person, try it dry, pull it, and wait until it is here."""
    studies = page.get_by_role("grid", name="Studies")
    series = page.get_by_role("grid", name="Series")
    row = studies.get_by_role("row").filter(has_text=person)
    row.get_by_role("checkbox").click()
    series.get_by_role("checkbox", name="t1 mprage").click()
    expect(row.get_by_role("gridcell").nth(1)).to_have_text("1")  # SS
    page.get_by_role("button", name="Dry import").click()
    page.get_by_text("1 would come").wait_for()
    page.get_by_role("button", name="Pull selected").click()
    line = page.get_by_role("row").filter(has=page.get_by_role("cell", name=node, exact=True))
    expect(line.get_by_role("cell", name="here", exact=True)).to_be_visible(timeout=60_000)
    wait_until(
        lambda: [p["state"] for p in pulled(service) if p["node"] == node] == ["done"],
        f"{node} is through",
        show=lambda: pulled(service),
    )


def test_PACS_x01_x02_names_are_hidden_lists_are_asked_and_what_is_missing_is_told(
    desktop: Desktop, orthanc: Orthanc
) -> None:
    enter_all(desktop, orthanc)
    page = desktop.go("/pacs").page
    page.get_by_role("button", name="Multi patients…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("PatientID;date\nK2;20240502\nK9\n")
    dialog.get_by_role("button", name="Use 3 lines").click()
    studies, _ = search(page, "move")
    expect(studies.get_by_text("THIRD^THREE")).to_be_visible()
    page.get_by_role("button", name="Download").click()
    page.get_by_role("menuitem", name="Dump missing (1)").click()
    expect(page.get_by_role("dialog").get_by_role("textbox")).to_have_value("K9")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Hide who they are").click()
    expect(studies.get_by_text("#1")).to_be_visible()
    expect(studies.get_by_text("THIRD^THREE")).to_have_count(0)
    page.get_by_role("button", name="Show who they are (put on record)").click()
    expect(studies.get_by_text("THIRD^THREE")).to_be_visible()
    page.get_by_role("tab", name="Log").click()
    log = page.locator("pre")
    expect(log).to_contain_text("studies of line")
    assert "K2" not in log.inner_text()


def test_GEN_06_the_archives_of_the_settings_say_whether_images_go_to_them(
    desktop: Desktop, orthanc: Orthanc
) -> None:
    enter_all(desktop, orthanc)
    rows = desktop.go("/settings#pacs").page.get_by_role("row")
    for name, told in (("get", "sending off"), ("move", "sending on"), ("web", "sending on")):
        row = rows.filter(has=desktop.page.get_by_role("cell", name=name, exact=True))
        expect(row.get_by_role("cell", name=told, exact=True)).to_be_visible()


def test_PACS_12_the_page_opens_on_the_archive_that_was_used_last(
    desktop: Desktop, orthanc: Orthanc
) -> None:
    enter_all(desktop, orthanc)
    page = desktop.go("/pacs").page
    archive = page.get_by_label("Archive", exact=True)
    expect(archive).to_have_value("get")  # none was used, and the first one may answer
    archive.select_option("web")
    page.reload()
    expect(archive).to_have_value("web")
    # One that fails is not chosen for somebody who has used none.
    page.evaluate("localStorage.clear()")
    failed = {"ok": False, "text": "it does not answer", "hint": ""}

    def first_fails(route: Route) -> None:
        answer = route.fetch().json()
        answer["items"][0]["last"] = failed
        route.fulfill(json=answer)

    page.route("**/pacs/nodes", first_fails)
    page.reload()
    expect(archive).to_have_value("move")


def test_PACS_03_a_search_that_was_refused_as_too_broad_is_not_tried_again_as_it_is(
    desktop: Desktop, watched: Watched, orthanc: Orthanc
) -> None:
    enter_all(desktop, orthanc)
    page = desktop.go("/pacs").page
    page.get_by_role("button", name="Run search").click()
    told = page.get_by_role("alert")
    expect(told).to_contain_text("Narrow it: fill in PatientID")
    expect(told.get_by_role("button", name="Try again")).to_have_count(0)
    watched.errors[:] = [error for error in watched.errors if "400 (Bad" not in error]
    studies, _ = search(page, "move", PatientID="K2")
    expect(studies.get_by_text("THIRD^THREE")).to_be_visible()
    expect(told).to_have_count(0)


def held(page: Page, pattern: str) -> list[Route]:
    """Give what is asked for from now on; it has no answer until the test gives one."""
    routes: list[Route] = []

    def hold(route: Route) -> None:
        routes.append(route)

    page.route(pattern, hold)
    return routes


def test_PACS_12_the_answer_of_an_archive_moves_nothing_under_a_click(
    desktop: Desktop, orthanc: Orthanc
) -> None:
    enter_all(desktop, orthanc)
    page = desktop.page
    waiting = held(page, "**/echo")
    desktop.go("/pacs")
    button = page.get_by_role("button", name="Multi patients…")
    button.wait_for()
    wait_until(lambda: waiting or page.wait_for_timeout(20), "the archive is asked")
    before = button.bounding_box()
    button.hover()
    page.mouse.down()  # it answers while the button is held down
    problem = {"ok": False, "text": "it does not answer " * 9, "hint": "look after it " * 9}
    waiting.pop().fulfill(json=problem)
    expect(page.get_by_text("cannot be asked")).to_be_visible()
    assert button.bounding_box() == before
    page.mouse.up()
    page.get_by_role("dialog", name="List of patients").wait_for()
    page.keyboard.press("Escape")
    # What is wrong with it stands where there is room, and it may be asked again.
    expect(page.get_by_role("alert")).to_contain_text("look after it")
    page.get_by_role("button", name="Ask whether it answers (C-ECHO)").last.click()
    wait_until(lambda: waiting or page.wait_for_timeout(20), "the archive is asked again")
    waiting.pop().continue_()
    expect(page.get_by_text("Fill in what is sought")).to_be_visible(timeout=30_000)
    assert button.bounding_box() == before


def test_PACS_x02_a_menu_that_is_open_follows_the_search(
    desktop: Desktop, orthanc: Orthanc
) -> None:
    enter_all(desktop, orthanc)
    page = desktop.go("/pacs").page
    page.get_by_role("button", name="Multi patients…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("K2\nK9")
    dialog.get_by_role("button", name="Use 2 lines").click()
    found = {
        "key": "0" * 20, "node": "move", "state": "running", "reason": "", "hint": "",
        "n_done": 0, "n_steps": 2, "missing": [], "studies": [], "series": [], "log": [],
    }  # fmt: skip
    page.route("**/pacs/searches", lambda route: route.fulfill(json=found))
    polls = held(page, "**/pacs/searches/*")
    page.get_by_role("button", name="Run search").click()
    wait_until(lambda: polls or page.wait_for_timeout(20), "the search is followed")
    page.get_by_role("button", name="Download").click()
    missing = page.get_by_role("menuitem", name="Dump missing")
    expect(missing).to_be_disabled()
    polls.pop().fulfill(json={**found, "state": "done", "n_done": 2, "missing": ["K9"]})
    expect(missing).to_have_text("Dump missing (1)")
    missing.click()
    expect(page.get_by_role("dialog").get_by_role("textbox")).to_have_value("K9")
