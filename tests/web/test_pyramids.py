"""A pyramid opens in Neuroglancer out of the catalog, with its contrast; movies play and seek."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pytest
from PIL import Image

from appliance.tomography.contrast import shader_json, visual_min_max, volume_histogram
from appliance.tomography.movies import write_movie
from appliance.tomography.pyramids import write_pyramid_of
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]


def brightness(page: Any) -> float:
    """Share of bright grey pixels in the upper left quarter of the picture."""
    shot = page.locator("[data-testid=pyramid]").screenshot()
    with Image.open(io.BytesIO(shot)) as picture:
        pixels = np.asarray(picture.convert("RGB"))[: picture.height // 2, : picture.width // 2]
    grey = np.ptp(pixels, axis=2) < 6
    return float((grey & (pixels[..., 0] > 100)).mean())


def tomogram() -> np.ndarray:
    """A bright ball with grain, signed."""
    z, y, x = np.ogrid[:40, :90, :100]
    ball = (x - 50) ** 2 + (y - 45) ** 2 + (2 * (z - 20)) ** 2 < 35**2
    grain = np.random.default_rng(1).normal(0, 60, (40, 90, 100))
    return (ball * 400 - 200 + grain).astype(np.int16)


@pytest.fixture(scope="module")
def made(service: Service) -> dict[str, int]:
    """The ids of two pyramids, one in shards, and of a movie in the study of the service."""
    selected = service.post("/select", {"project": "default", "selector": "*s001.nii"})
    row = next(r for r in service.items("/projects/default/files") if r["name"] == "s001.nii")
    image = Path(selected["items"][0]["absolute_path"])
    place = image.parents[len(Path(row["path"]).parts) - 1] / "tomo" / "hedwig"
    place.mkdir(parents=True)
    volume = tomogram()
    histogram = volume_histogram(volume).shifted(32768)
    contrast = shader_json(visual_min_max(histogram, clamped=True))
    facts = {"contrast": contrast}
    nm = (1.2, 1.2, 1.2)
    write_pyramid_of(volume, place / "neuro-BB", voxel_nm=nm, facts=facts)
    write_pyramid_of(volume, place / "neuro-CC", voxel_nm=nm, facts=facts, sharded=True)
    frames = [np.full((64, 64), 12 * n, np.uint8) for n in range(20)]
    write_movie(frames, place / "tiltMov_BB.mp4", 4)
    names = ("neuro-BB", "neuro-CC", "tiltMov_BB.mp4")
    paths = [str(place / name) for name in names]
    service.post("/files/add", {"project": "default", "paths": paths})
    rows = service.items("/projects/default/files")
    found = {row["name"]: row["id"] for row in rows if row["path"].startswith("tomo/")}
    assert set(found) == set(names)
    return found


def test_NG_07_a_pyramid_opens_in_neuroglancer_with_its_contrast(desktop: Desktop, made):
    page = desktop.page
    desktop.find_row("neuro-BB").dblclick()
    page.locator('[data-testid=pyramid][data-ready="true"]').wait_for()
    assert page.url.split("?")[0].endswith(f"/pyramid/{made['neuro-BB']}")
    wait_until(lambda: brightness(page) > 0.1, "the ball is drawn", within_s=30)
    wait_until(lambda: "#!" in page.url, "the state is in the address", within_s=30)
    link = unquote(page.url.partition("#!")[2])
    assert "nora://api/v1/pyramids/" in link
    assert "127.0.0.1" not in link
    assert page.get_by_text("Values are shown + 32,768").is_visible()
    # A link with a state opens there, and its state is not replaced by the first view.
    state = json.loads(link)
    state["layout"] = "xy"
    desktop.go(f"/pyramid/{made['neuro-BB']}#!{quote(json.dumps(state))}")
    page.reload()
    page.locator('[data-testid=pyramid][data-ready="true"]').wait_for()
    wait_until(lambda: brightness(page) > 0.1, "the cut is drawn", within_s=30)
    assert '"layout":"xy"' in unquote(page.url)
    page.get_by_role("button", name="Back to the images").click()
    desktop.ready()
    assert page.locator('link[href^="/neuroglancer"]').count() == 0


def test_NG_05_a_pyramid_in_shards_is_read_in_ranges(desktop: Desktop, made):
    page = desktop.page
    ranges: list[str] = []
    page.on("request", lambda asked: ranges.append(asked.headers.get("range", "")))
    desktop.go(f"/pyramid/{made['neuro-CC']}")
    page.locator('[data-testid=pyramid][data-ready="true"]').wait_for()
    wait_until(lambda: brightness(page) > 0.1, "the ball is drawn", within_s=30)
    assert any(one.startswith("bytes=") for one in ranges)


def test_a_movie_plays_and_seeks(desktop: Desktop, made):
    page = desktop.page
    desktop.go(f"/document/{made['tiltMov_BB.mp4']}")
    video = page.locator("video")
    video.wait_for()

    def told(what: str) -> Any:
        return video.evaluate(f"v => v.{what}")

    wait_until(lambda: told("readyState") >= 2, "the movie is loaded", within_s=30)
    assert (told("videoWidth"), told("videoHeight"), told("duration")) == (1024, 1024, 5)
    video.evaluate("v => { v.pause(); v.currentTime = 3.1 }")
    wait_until(lambda: not told("seeking"), "the movie is at another place", within_s=30)
    assert told("currentTime") == pytest.approx(3.1)
