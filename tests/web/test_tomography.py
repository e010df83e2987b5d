"""From a tilt series that is dropped into a share to movies, Neuroglancer and the viewer."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from appliance.tomography import write_sample
from appliance.tomography.imod import find_imod
from tests.support.browser import Watched
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop
from tests.web.pictures import n_coloured, share_of_bright_grey

pytestmark = [pytest.mark.browser, pytest.mark.system]

PROJECT, RULE = "CILIA", "tomograms"
GOOD, BAD = "S_12#grid_3", "S_12#grid_4"
N_TILTS = 21
VALUES = {"series": "*.st", "bin": 2, "thickness": 48, "output": "tomography"}
KINDS = {"series": "FILE", "bin": "NUMERIC", "thickness": "NUMERIC", "output": "PATHOUT"}
JOB = {
    "name": "Tomogram",
    "tool": "tomography.tomogram",
    "args": [{"id": key, "kind": KINDS[key], "value": value} for key, value in VALUES.items()],
}


@dataclass(frozen=True)
class Made:
    """What became of what was dropped."""

    service: Service

    def report(self) -> dict[str, Any]:
        """The report as it is now."""
        return report_of(self.service)


def found_files(service: Service, psid: str) -> dict[str, dict[str, Any]]:
    rows = service.items(f"/projects/{PROJECT}/files")
    return {row["path"]: row for row in rows if row["psid"] == psid}


def report_of(service: Service) -> dict[str, Any]:
    row = found_files(service, GOOD)["tomography/TS_1/report.json"]
    answer = service.http.get(f"/files/{row['id']}/report.json")
    assert answer.is_success
    told: dict[str, Any] = answer.json()
    return told


def jobs(service: Service, name: str) -> dict[str, str]:
    """State of the jobs of a name by study."""
    rows = service.items("/jobs", project=PROJECT, state="all")
    return {row["psid"]: row["letter"] for row in rows if row["name"].startswith(name)}


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a microscope's share, laid out as laboratories do."""
    return tmp_path_factory.mktemp("share")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, share: Path) -> Iterator[Service]:
    """A service that watches the share, with a rule for what arrives; no IMOD is in its sight."""
    watched = f'path = "{share}", pattern = "$lab/$pi/$project/$session/$sample"'
    paths = os.environ["PATH"].split(os.pathsep)
    bare = os.pathsep.join(one for one in paths if not Path(one, "batchruntomo").exists())
    env = {"NORA__WATCH__FOLDERS": f"[{{{watched}}}]", "PATH": bare, "IMOD_DIR": ""}
    env["NORA__JOBS__NICE"] = "0"
    if find_imod(env):
        pytest.skip("IMOD lies where it is always found")
    running = Service(tmp_path_factory.mktemp("web") / "data", env).start()
    try:
        running.post("/projects", {"name": PROJECT})
        query = {"project": PROJECT}
        body = {"level": "study", "jobs": [JOB]}
        running.http.put(f"/batches/saved/{RULE}", params=query, json=body).raise_for_status()
        rule = {"batch": RULE, "requires": "*.st", "quiet_minutes": 0}
        place = f"/projects/{PROJECT}/autorules/{RULE}"
        running.http.put(place, json=rule).raise_for_status()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def made(service: Service, share: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A good series and one that is none are dropped, and the rule has done its work on both."""
    place = share / "RML" / "Smith" / PROJECT / "S_12"
    series, other = tmp_path_factory.mktemp("series"), tmp_path_factory.mktemp("other")
    stack = write_sample(series, name="TS_1", size=192, n_tilts=N_TILTS)
    original = stack.read_bytes()
    with mrcfile.new(other / "TS_2.st") as volume:
        volume.set_data(np.zeros((N_TILTS, 16, 16), np.int16))
    place.mkdir(parents=True)
    shutil.move(series, place / "grid_3")
    shutil.move(other, place / "grid_4")

    def ended() -> bool:
        states = jobs(service, "Tomogram")
        return states.keys() == {GOOD, BAD} and set(states.values()) <= set("edk")

    wait_until(ended, "the rule has run on both", within_s=400, show=service.log)
    assert jobs(service, "Tomogram") == {GOOD: "d", BAD: "e"}
    assert (place / "grid_3" / "TS_1.st").read_bytes() == original
    return Made(service)


@pytest.fixture
def desktop(watched: Watched, service: Service) -> Desktop:
    """The page of the tilt series of a project, logged in; the table of the first one is empty."""
    desktop = Desktop(watched.page, service)
    watched.page.goto(service.login_link())
    watched.page.get_by_role("navigation").first.wait_for()
    return desktop.go(f"/tomography?project={PROJECT}")


def listed(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def open_report(desktop: Desktop) -> Page:
    listed(desktop.page, "TS_1").get_by_role("link").click()
    desktop.page.get_by_role("heading", name="TS_1", exact=True).wait_for()
    return desktop.page


def told(video: Locator) -> Callable[[str], Any]:
    return lambda what: video.evaluate(f"v => v.{what}")


def watch_movie(page: Page, link: str) -> None:
    """It plays by itself, and goes on from where one seeks; it comes in pieces."""
    pieces: list[int] = []
    page.on("response", lambda one: pieces.append(one.status) if "/movies/" in one.url else None)
    page.get_by_role("link", name=link).click()
    video = page.locator("video")
    video.wait_for()
    ask = told(video)
    wait_until(lambda: ask("readyState") >= 2, "the movie is loaded", within_s=30)
    assert (ask("videoWidth"), ask("videoHeight"), ask("error")) == (1024, 1024, None)
    wait_until(lambda: ask("currentTime") > 0.3, "the movie plays", within_s=30)
    assert not ask("paused")
    near_end = ask("duration") - 0.5
    video.evaluate(f"v => {{ v.pause(); v.currentTime = {near_end} }}")
    wait_until(lambda: not ask("seeking"), "the movie is near its end", within_s=30)
    assert ask("currentTime") == pytest.approx(near_end, abs=0.01)
    assert pieces
    assert set(pieces) <= {206, 304}
    page.go_back()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_dropped_tilt_series_plays_and_opens_in_neuroglancer_and_in_the_viewer(
    made: Made, desktop: Desktop
) -> None:
    """BRT-11, TILT-08, REC-06, NG-07, SPA-01: the whole way, by a rule, without IMOD."""
    page = open_report(desktop)
    report = made.report()
    assert (report["engine"], report["method"], report["n_tilts"]) == ("embedded", "beads", N_TILTS)
    assert report["residual_px"] < 1.0
    expect(page.get_by_text(f"{len(report['beads'])} beads")).to_be_visible()
    middle = np.median([one for one in report["residuals_px"] if one is not None])
    expect(page.get_by_text(f"{middle:.2f} px")).to_be_visible()
    plot = page.get_by_label("Residual of each tilt")
    wait_until(lambda: n_coloured(plot) > N_TILTS, "the residuals are drawn")

    watch_movie(page, "Movie of the tilts")
    watch_movie(page, "Movie of the tomogram")

    page.get_by_role("link", name="Pyramid").click()
    page.locator('[data-testid=pyramid][data-ready="true"]').wait_for()
    drawn = page.get_by_test_id("pyramid")
    wait_until(lambda: share_of_bright_grey(drawn) > 0.1, "the tomogram is drawn", within_s=60)
    page.go_back()

    page.get_by_role("button", name="Tomogram").click()
    desktop.ready()
    desktop.drawn()
    wait_until(lambda: desktop.grey_pixels() > 500, "the tomogram is drawn", within_s=60)
    assert [one["name"] for one in desktop.state()["layers"]] == ["TS_1_rec.mrc"]

    key_image = found_files(made.service, GOOD)["tomography/TS_1/hedwig/keyimg_TS_1.jpg"]
    desktop.go(f"/document/{key_image['id']}")
    picture = page.get_by_test_id("document").locator("img")
    picture.wait_for()
    wait_until(lambda: picture.evaluate("i => i.naturalWidth") == 96, "the key image is shown")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_TILT_the_page_lists_good_and_bad_series_and_is_walked_by_keys(
    made: Made, desktop: Desktop
) -> None:
    page = desktop.page
    names = page.locator("tbody a")
    expect(names).to_have_text(["TS_1"])
    expect(listed(page, "TS_1")).to_contain_text(re.compile(r"done.*\d+ beads.*px · .*nm.*°"))
    header = page.get_by_role("columnheader", name="Tilt axis")
    header.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "ascending")
    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    names.first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="TS_1", exact=True)).to_be_visible()
    page.get_by_role("button", name="All tilt series").click()

    failed = page.get_by_role("region", name="Jobs without a result").get_by_role("listitem")
    expect(failed).to_contain_text(["failed"])
    expect(failed).to_contain_text(BAD.replace("#", " · "))
    failed.get_by_role("link", name="Tomogram").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("TS_2.st is a volume, not a tilt series").first).to_be_visible()
    desktop.go("/tomography?project=default")
    expect(page.get_by_text("No tilt series has been processed yet")).to_be_visible()
    expect(page.get_by_role("link", name="Open the batch")).to_be_visible()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_TILT_a_series_is_reconstructed_again_without_a_tilt_from_its_page(
    made: Made, desktop: Desktop
) -> None:
    """ADOC-12: and thicker, as its directives say once they are changed in their form."""
    page, service = open_report(desktop), made.service
    path = "tomography/TS_1/TS_1_rec.mrc"
    before = found_files(service, GOOD)[path]["version"]
    page.get_by_role("button", name=re.compile(r"^Tilt 3,")).click()
    expect(page.get_by_test_id("left-out")).to_contain_text("Left out: 3")
    page.get_by_role("button", name="Directives…").click()
    thickness = page.locator('[data-key="comparam.tilt.tilt.THICKNESS"]').get_by_role("textbox")
    expect(thickness).to_have_value("48")
    thickness.fill("64")
    page.get_by_role("button", name="Use to reconstruct again").click()
    page.get_by_role("button", name="Directives · changed").wait_for()
    page.get_by_role("button", name="Reconstruct again").click()
    page.get_by_role("button", name="See the job").wait_for()

    def ended() -> bool:
        return jobs(service, "Reconstruct again").get(GOOD, "q") in "edk"

    wait_until(ended, "it is reconstructed again", within_s=400, show=service.log)
    assert jobs(service, "Reconstruct again") == {GOOD: "d"}
    assert made.report()["left_out"] == [2]
    remade = found_files(service, GOOD)[path]
    assert remade["version"] != before
    header = service.http.get(f"/files/{remade['id']}/rec.mrc", headers={"Range": "bytes=0-11"})
    assert np.frombuffer(header.content, "<i4").tolist() == [96, 96, 32]
    desktop.go(f"/tomography?project={PROJECT}")
    expect(listed(page, "TS_1")).to_contain_text(f"{N_TILTS - 1} / {N_TILTS}")
