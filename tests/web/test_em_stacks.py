"""From sections and images dropped into a share, by rules, to their reports, views and movie."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tifffile
from playwright.sync_api import Page, expect

from tests.support.browser import Watched
from tests.support.microscopy import sections, write_dm
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop
from tests.web.pictures import n_coloured, share_of_bright_grey
from tests.web.test_slides import forgive

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]

PROJECT, STUDY = "CELLS", "S_12#block_3"
ARGS: dict[str, list[dict[str, Any]]] = {
    "stack": [
        {"id": "sections", "kind": "FILE", "value": "*.tif"},
        {"id": "pixel", "kind": "NUMERIC", "value": 5},
        {"id": "section", "kind": "NUMERIC", "value": 10},
        {"id": "drift", "kind": "OPTION", "value": "remove"},
        {"id": "output", "kind": "PATHOUT", "value": "stacks"},
    ],
    "images": [
        {"id": "images", "kind": "FILE", "value": "*.dm3"},
        {"id": "pyramid", "kind": "OPTION", "value": "zarr"},
        {"id": "output", "kind": "PATHOUT", "value": "images"},
    ],
}


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a microscope's share, laid out as laboratories do."""
    return tmp_path_factory.mktemp("share")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, share: Path) -> Iterator[Service]:
    """A service that watches the share, with a rule for stacks and one for images."""
    watched = f'path = "{share}", pattern = "$lab/$pi/$project/$session/$sample"'
    env = {"NORA__WATCH__FOLDERS": f"[{{{watched}}}]", "NORA__JOBS__NICE": "0"}
    running = Service(tmp_path_factory.mktemp("web") / "data", env).start()
    try:
        running.post("/projects", {"name": PROJECT})
        for name, needs in (("stack", "*.tif"), ("images", "*.dm3")):
            job = {"name": name, "tool": f"tomography.{name}", "args": ARGS[name]}
            body = {"level": "study", "jobs": [job]}
            query = {"project": PROJECT}
            answer = running.http.put(f"/batches/saved/{name}", params=query, json=body)
            answer.raise_for_status()
            rule = {"batch": name, "requires": needs, "quiet_minutes": 0}
            place = f"/projects/{PROJECT}/autorules/{name}"
            running.http.put(place, json=rule).raise_for_status()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def dropped(service: Service, share: Path, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A stack, a folder of one section, an image and one that is broken; rules have run on them."""
    made, _ = sections(20)
    sample = tmp_path_factory.mktemp("sample")
    for folder, n in (("cells", 20), ("rest", 2)):
        (sample / folder).mkdir()
        for i in range(n):
            tifffile.imwrite(sample / folder / f"slice_{i + 1}.tif", made[i])
    tifffile.imwrite(sample / "rest" / "slice_2.tif", made[0, :-5])
    write_dm(sample / "grid.dm3", made[0], scale=1.5)
    (sample / "broken.dm3").write_bytes(b"\0\0\0\3 nothing more")
    place = share / "RML" / "Smith" / PROJECT / "S_12"
    place.mkdir(parents=True)
    shutil.move(sample, place / "block_3")

    def states() -> dict[str, str]:
        rows = service.items("/jobs", project=PROJECT, state="all")
        return {row["name"]: row["letter"] for row in rows if row["function"]}

    def ended() -> bool:
        return states().keys() == {"stack", "images"} and set(states().values()) <= set("edk")

    wait_until(ended, "both rules have run", within_s=200, show=service.log)
    assert states() == {"stack": "d", "images": "d"}
    return service


@pytest.fixture
def desktop(watched: Watched, dropped: Service) -> Desktop:
    """The list of results of the project, logged in."""
    desktop = Desktop(watched.page, dropped)
    watched.page.goto(dropped.login_link())
    watched.page.get_by_role("navigation").first.wait_for()
    return desktop.go(f"/tomography?project={PROJECT}")


def open_report(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("heading", name=name, exact=True).wait_for()


def test_REC_06_SPA_01_a_dropped_stack_is_listed_with_its_report_views_and_movie(
    desktop: Desktop,
) -> None:
    page = desktop.page
    table = page.get_by_role("region", name="Stacks and images")
    expect(table.get_by_role("row")).to_have_count(5)
    row = table.get_by_role("row").filter(has_text="cells")
    expect(row).to_contain_text("256 × 192 × 20")
    expect(row).to_contain_text("5 × 10 nm")
    bad = table.get_by_role("row").filter(has_text="rest")
    expect(bad).to_contain_text("failed")
    expect(bad).to_contain_text("slice_2.tif has 256 x 187 pixels")
    open_report(page, "cells")
    picture = page.locator("img[alt=cells]")
    wait_until(lambda: picture.evaluate("i => i.naturalWidth") == 256, "the picture is there")
    plot = page.get_by_label("Shift of each section")
    wait_until(lambda: n_coloured(plot) > 40, "the shifts are drawn")
    expect(page.get_by_text("No section stands out.")).to_be_visible()
    page.get_by_role("link", name="Movie").click()
    video = page.locator("video")
    wait_until(lambda: video.evaluate("v => v.readyState") >= 2, "the movie is loaded")
    assert video.evaluate("v => v.duration") == pytest.approx(20 / 8, abs=0.05)
    page.go_back()
    page.get_by_role("link", name="Pyramid").click()
    page.locator('[data-testid=pyramid][data-ready="true"]').wait_for()
    drawn = page.get_by_test_id("pyramid")
    wait_until(lambda: share_of_bright_grey(drawn) > 0.1, "the volume is drawn", within_s=60)
    page.go_back()
    page.get_by_role("button", name="Volume").click()
    desktop.ready()
    desktop.drawn()
    assert [one["name"] for one in desktop.state()["layers"]] == ["adjusted.mrc"]


def test_TILT_05_a_dropped_image_shows_its_key_image_and_opens_in_neuroglancer(
    desktop: Desktop, watched: Watched
) -> None:
    page = desktop.page
    open_report(page, "grid")
    expect(page.get_by_text("1.5 nm")).to_be_visible()
    picture = page.locator("img[alt=grid]")
    wait_until(lambda: picture.evaluate("i => i.naturalWidth") == 256, "the picture is there")
    page.get_by_role("link", name="Pyramid").click()
    page.locator('[data-testid=pyramid][data-ready="true"]').wait_for()
    drawn = page.get_by_test_id("pyramid")
    wait_until(lambda: share_of_bright_grey(drawn) > 0.1, "the image is drawn", within_s=60)
    forgive(watched)


def test_BRT_11_a_failure_tells_its_step_and_its_reason(desktop: Desktop) -> None:
    page = desktop.page
    open_report(page, "broken")
    expect(page.get_by_role("heading", name="Failed at the step check")).to_be_visible()
    expect(page.get_by_text(re.compile("broken.dm3 is not a readable DM3"))).to_be_visible()
    page.get_by_role("button", name="All results").click()
    expect(page.get_by_role("region", name="Stacks and images")).to_be_visible()
