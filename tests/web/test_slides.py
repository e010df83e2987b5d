"""Slides open in Neuroglancer with the colours and the contrast of their channels."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pytest
from PIL import Image

from appliance.tomography.slide_layout import find_slides
from appliance.tomography.slides import process_slide
from tests.formats.test_slide_attachments import jpeg, write
from tests.support.browser import Watched
from tests.support.czi import attach
from tests.support.pyramids import write_slide
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]


def shown(page: Any) -> np.ndarray:
    """Colours left of the middle of the slide."""
    shot = page.locator("[data-testid=pyramid]").screenshot()
    with Image.open(io.BytesIO(shot)) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    height, width, _ = pixels.shape
    return pixels[height // 4 : height * 3 // 4, width // 4 : width // 3]


def share(page: Any, wanted: tuple[int, int, int], within: int = 40) -> float:
    """Share of those pixels that are of a colour."""
    return float((np.abs(shown(page) - wanted).max(axis=2) <= within).mean())


@pytest.fixture(scope="module")
def made(service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The ids of a slide of two channels and of a picture in colours."""
    selected = service.post("/select", {"project": "default", "selector": "*s001.nii"})
    row = next(r for r in service.items("/projects/default/files") if r["name"] == "s001.nii")
    image = Path(selected["items"][0]["absolute_path"])
    place = image.parents[len(Path(row["path"]).parts) - 1] / "HQ_Images"
    planes = np.full((2, 600, 800), 20, np.uint16)
    planes[0, :300], planes[1, :, :400] = 900, 400  # above, and on the left
    write_slide(place / "two.zarr", planes)
    pixels = np.full((400, 500, 3), (200, 120, 30), np.uint8)
    flat = tmp_path_factory.mktemp("flat") / "roi.png"
    Image.fromarray(pixels).save(flat)
    process_slide(find_slides(flat)[0], place)
    label = np.full((40, 80, 3), 90, np.uint8)
    attach(
        write(place / "named.czi", np.ones((20, 30, 1), np.uint16)),
        [("Label", "JPG", jpeg(label))],
    )
    (place / "bare.zarr").mkdir()
    (place / "bare.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    names = ("two.zarr", "roi/roi.zarr", "bare.zarr", "named.czi")
    paths = [str(place / name) for name in names]
    service.post("/files/add", {"project": "default", "paths": paths})
    rows = service.items("/projects/default/files")
    found = {row["name"]: row["id"] for row in rows if row["kind"] == "pyramid"}
    assert found.keys() == {"two.zarr", "roi.zarr", "bare.zarr"}
    return found


def opened(page: Any) -> None:
    page.locator('[data-testid=pyramid][data-ready="true"]').wait_for()


def forgive(watched: Watched) -> None:
    """Neuroglancer asks whether a group is an array, and the page for one scene too many."""
    told = ("/.zattrs", "/.zarray", "/.zgroup")
    watched.errors[:] = [
        one for one in watched.errors if not ("404" in one and any(end in one for end in told))
    ]


def test_SPA_04_a_slide_opens_with_the_colours_of_its_channels(desktop: Desktop, watched, made):
    page = desktop.page
    desktop.find_row("two.zarr").dblclick()
    opened(page)
    assert page.url.split("?")[0].endswith(f"/pyramid/{made['two.zarr']}")
    both = (255, 255, 0)
    wait_until(lambda: share(page, both) > 0.1, "red and green add up", within_s=60)
    assert share(page, (0, 255, 0)) > 0.1, "below only the second channel is bright"
    assert share(page, (255, 0, 0)) < 0.01
    for channel in ("DAPI", "CD8"):
        page.locator(".neuroglancer-layer-item-label", has_text=channel).wait_for()
    # A link with a state round-trips: one channel, another colour, another contrast.
    wait_until(lambda: "#!" in page.url, "the state is in the address", within_s=30)
    link = unquote(page.url.partition("#!")[2])
    assert "nora://api/v1/pyramids/" in link
    assert "127.0.0.1" not in link
    state = json.loads(link)
    state["layers"][1]["visible"] = False
    state["layers"][0]["shaderControls"] = {"color": "#00aaff", "contrast": {"range": [0, 1800]}}
    desktop.go(f"/pyramid/{made['two.zarr']}#!{quote(json.dumps(state))}")
    page.reload()
    opened(page)
    wait_until(lambda: share(page, (0, 85, 128)) > 0.1, "the state of the link", within_s=60)
    assert share(page, (0, 255, 0)) < 0.01
    again = json.loads(unquote(page.url.partition("#!")[2]))
    assert again["layers"] == state["layers"]
    page.get_by_role("button", name="First view").click()
    wait_until(lambda: share(page, both) > 0.1, "both channels again", within_s=30)
    forgive(watched)


def test_SPA_05_a_picture_in_colours_is_shown_as_it_is(desktop: Desktop, watched, made):
    page = desktop.page
    desktop.go(f"/pyramid/{made['roi.zarr']}")
    opened(page)
    wait_until(lambda: share(page, (200, 120, 30), 6) > 0.5, "its own colours", within_s=60)
    forgive(watched)


def test_what_is_no_ome_zarr_says_so(desktop: Desktop, watched, made, service: Service):
    page = desktop.page
    desktop.go(f"/pyramid/{made['bare.zarr']}")
    page.get_by_text("neither a precomputed pyramid nor an OME-Zarr").wait_for()
    forgive(watched)


def test_SPA_04_the_label_of_a_slide_is_looked_at_on_purpose_and_on_record(
    desktop: Desktop, watched, made, service: Service
):
    page = desktop.page
    desktop.find_row("named.czi").click(button="right")
    page.get_by_role("menuitem", name="Label and glass…").press("Enter")
    dialog = page.get_by_role("dialog", name="Label and glass of named.czi")
    dialog.get_by_text("may name a patient").wait_for()
    assert not [one for one in watched.requests if "/slides/" in one], "nothing is shown unasked"
    dialog.get_by_role("button", name="Label").press("Space")
    picture = dialog.get_by_role("img", name="Label")
    picture.wait_for()
    wait_until(lambda: picture.evaluate("i => i.naturalWidth") == 40, "the label, upright")
    dialog.get_by_role("button", name="Whole glass").press("Space")
    dialog.get_by_text("this slide has no photograph").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    desktop.go("/history")
    page.get_by_text("Looked at the photograph of a slide’s label or glass").first.wait_for()
    watched.errors[:] = [one for one in watched.errors if "/macro.jpeg" not in one]
