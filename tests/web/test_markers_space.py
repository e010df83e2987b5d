"""Markers in 3D, in shared links, and boxes that are turned, in a real browser."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import nibabel as nib
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.marker_tool import MarkerTool
from tests.web.pages import Desktop
from tests.web.test_markers import DROP, IMAGE, stored
from tests.web.test_viewer_3d import ball, bright, picture, still
from tests.web.test_viewer_layouts import drop, layout

pytestmark = [pytest.mark.browser, pytest.mark.system]

PATIENT_MS = 30_000


@pytest.fixture
def tool(desktop: Desktop) -> Iterator[MarkerTool]:
    """The tool beside an open image."""
    desktop.page.on("dialog", lambda dialog: dialog.accept())
    desktop.open_file(IMAGE)
    desktop.drawn()
    yield MarkerTool(desktop).open()
    desktop.page.evaluate("indexedDB.deleteDatabase('nora-markers')")


def places(tool: MarkerTool) -> dict[str, tuple[float, float]]:
    """Where the balls of points are on the page, by the id of their point."""
    found: dict[str, tuple[float, float]] = tool.page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('[data-testid=markers3d] .ball')]
            .map((one) => [one.dataset.point, one.firstElementChild.getBoundingClientRect()])
            .map(([id, box]) => [id, [box.x + box.width / 2, box.y + box.height / 2]]))"""
    )
    return found


def test_MARK_08_points_are_at_their_place_in_3d_and_a_click_goes_there(desktop: Desktop) -> None:
    tool, page = MarkerTool(desktop), desktop.page
    layout(desktop, "1x1")
    drop(desktop, ball(12), "ball.nii", 0, "background")
    desktop.drawn()
    points = [
        {"id": "middle", "name": "middle", "coords": [0, 0, 0, 1], "size": 1},
        {"id": "top", "name": "top", "coords": [0, 0, 12, 1], "size": 1},
        {"id": "left", "name": "left", "coords": [-12, 0, 0, 1], "size": 1},
    ]
    body = json.dumps([{"name": "ends", "type": "pointset", "points": points}])
    page.evaluate(DROP, [".viewport", "ends.ano.json", body])
    tool.wait_points(3)
    page.evaluate("() => (window.__viewer.viewer.viewports[0].kind = '3d')")
    page.get_by_test_id("view3d").wait_for()
    wait_until(lambda: bright(picture(desktop)) > 500, "the ball", within_s=60)
    still(desktop)
    page.get_by_role("button", name="From behind").click()
    canvas = page.get_by_test_id("view3d").bounding_box()
    assert canvas is not None
    middle = (canvas["x"] + canvas["width"] / 2, canvas["y"] + canvas["height"] / 2)

    def behind() -> bool:
        at = places(tool)
        ends = [at[name] for name in ("middle", "top", "left")] if len(at) == 3 else []
        return bool(ends) and abs(ends[1][0] - middle[0]) < 1 and ends[2][0] < middle[0] - 20

    wait_until(behind, "seen from behind", within_s=30, show=lambda: places(tool))
    at = places(tool)
    assert at["middle"] == pytest.approx(middle, abs=1)
    radius = at["middle"][1] - at["top"][1]
    assert at["middle"][0] - at["left"][0] == pytest.approx(radius, abs=1)
    # The picture of the image, which was drawn by the renderer, has the same size.
    page.add_style_tag(content='[data-testid="markers3d"] { visibility: hidden }')

    def drawn_radius() -> float:
        pixels = picture(desktop).max(-1)
        away = np.argwhere(pixels > 40) - (np.array(pixels.shape) - 1) / 2
        far = np.hypot(*away.T)
        # Letters and buttons are nearer to the border.
        return float(far[far < 1.6 * radius].max(initial=0))

    wait_until(
        lambda: 0.85 * radius < drawn_radius() < 1.15 * radius,
        "a ball as large as its markers tell",
        within_s=60,
        show=lambda: (radius, drawn_radius()),
    )
    page.add_style_tag(content='[data-testid="markers3d"] { visibility: visible !important }')
    page.locator('[data-testid="markers3d"] .ball[data-point="top"]').click()
    desktop.wait_state(lambda s: s["crosshair"] == [0, 0, 12], "at the point")
    page.get_by_role("button", name="From above").click()
    wait_until(
        lambda: math.dist(places(tool)["top"], middle) < 1, "the top from above", within_s=30
    )


def axes_of(service: Service) -> tuple[np.ndarray, list[float]]:
    """Axes and edges of the one box of the file `turned`."""
    _, saved = stored(service, "turned.ano.json")
    (point,) = saved["annotations"][0]["points"]
    return np.reshape(point["orientation"], (3, 3)), point["size"][:3]


def test_MARK_08_a_box_is_turned_on_the_image_by_keys_and_back(
    tool: MarkerTool, service: Service
) -> None:
    page = tool.page
    tool.new("box")
    tool.drag((0.4, 0.45), (0.6, 0.55))
    tool.wait_points(1)
    tool.press("Stop adding")
    tool.rename(tool.sets().first.get_by_role("textbox", name="Rename").first, "turned")
    ring = tool.drawn().locator("[data-grip]")
    straight = tool.points().first.get_by_role("button", name="Along the axes")
    expect(ring).to_have_count(1, timeout=PATIENT_MS)
    tool.save()
    drawn, edges = axes_of(service)
    box = ring.bounding_box()
    middle = tool.at((0.5, 0.5))
    assert box is not None
    start = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    reach = middle[1] - start[1]
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(middle[0] + reach / 2, middle[1] - reach / 2, steps=3)
    page.mouse.move(middle[0] + reach, middle[1], steps=3)
    page.mouse.up()
    tool.save()
    turned, same = axes_of(service)
    # A quarter round, as the hand went; in the plane of the slice.
    assert same == pytest.approx(edges)
    assert np.allclose(turned.T @ turned, np.eye(3), atol=1e-6)
    cosines = np.abs(np.sum(drawn * turned, axis=0))
    assert cosines == pytest.approx([0, 0, 1], abs=0.15)
    straight.click()
    expect(straight).to_have_count(0, timeout=PATIENT_MS)
    page.mouse.move(*middle)
    page.evaluate("() => document.activeElement.blur()")
    for _ in range(3):
        page.keyboard.press("Alt+T")
    expect(straight).to_have_count(1, timeout=PATIENT_MS)
    page.keyboard.press("Alt+Shift+T")
    tool.save()
    turned, same = axes_of(service)
    assert math.degrees(math.acos((np.trace(turned) - 1) / 2)) == pytest.approx(10, abs=1e-3)
    assert same == pytest.approx(edges)


def test_URL_01_MARK_07_a_link_shows_the_markers_saved_or_not(
    tool: MarkerTool, service: Service
) -> None:
    page = tool.page
    tool.new("pointset")
    tool.click((0.45, 0.5))
    tool.wait_points(1)
    tool.press("Stop adding")
    tool.rename(tool.sets().first.get_by_role("textbox", name="Rename").first, "in_a_link")
    tool.save()
    tool.new("ruler")
    tool.drag((0.4, 0.4), (0.6, 0.4))
    tool.wait_points(2, at=1)
    told = tool.coords(1, at=1)
    page.get_by_role("navigation").get_by_role("button", name="Links").click()
    page.get_by_role("button", name="Share this view").click()
    address = page.get_by_label("Address of the link").input_value(timeout=PATIENT_MS)
    page.goto(address)
    tool.desktop.ready()
    tool.desktop.drawn()
    tool.open()
    expect(tool.sets()).to_have_count(2, timeout=PATIENT_MS)
    names = [
        tool.sets().nth(n).get_by_role("textbox", name="Rename").first.input_value()
        for n in range(2)
    ]
    assert names == ["in_a_link", "ruler"]
    assert tool.coords(1, at=1) == pytest.approx(told)
    unsaved = [tool.sets().nth(n).get_by_role("img", name="not saved").count() for n in range(2)]
    assert unsaved == [0, 1]
    expect(tool.dots()).not_to_have_count(0, timeout=PATIENT_MS)
    # Saved from here it is a file of the study of its image.
    tool.save()
    row, _ = stored(service, "ruler.ano.json")
    assert row["path"] == "annotations/ruler.ano.json"


def test_MARK_08_templates_are_placed_one_after_the_other_or_dragged(
    tool: MarkerTool, service: Service
) -> None:
    page = tool.page
    templates = {"AC": {"color": "#00ff00", "radius": 2}, "PC": {}, "MSP": {"radius": 3}}
    body = json.dumps([{"name": "to_place", "type": "pointset", "templates": templates}])
    page.evaluate(DROP, ['.viewport[data-kind="axial"]', "to_place.ano.json", body])
    chips = tool.page.get_by_test_id("marker-template")
    expect(chips).to_have_count(3, timeout=PATIENT_MS)
    chips.nth(0).click()
    expect(tool.panel.get_by_text("Click: AC")).to_be_visible(timeout=PATIENT_MS)
    tool.click((0.5, 0.4))
    tool.wait_points(1)
    # The next one waits by itself.
    expect(tool.panel.get_by_text("Click: PC")).to_be_visible(timeout=PATIENT_MS)
    tool.click((0.5, 0.6))
    tool.wait_points(2)
    page.keyboard.press("Escape")
    expect(chips.nth(2)).to_have_attribute("aria-pressed", "false", timeout=PATIENT_MS)
    goal = tool.desktop.viewport("axial").bounding_box()
    assert goal is not None
    place = {"x": 0.6 * goal["width"], "y": 0.45 * goal["height"]}
    chips.nth(2).drag_to(tool.desktop.viewport("axial"), target_position=place, force=True)
    tool.wait_points(3)
    assert tool.names() == ["AC", "PC", "MSP"]
    assert chips.get_by_role("img", name="placed").count() == 3
    dot = tool.dots().nth(2).bounding_box()
    assert dot is not None
    middle = (dot["x"] + dot["width"] / 2 - goal["x"], dot["y"] + dot["height"] / 2 - goal["y"])
    assert middle == pytest.approx((place["x"], place["y"]), abs=2)
    tool.save()
    _, saved = stored(service, "to_place.ano.json")
    (one,) = saved["annotations"]
    assert one["templates"] == templates
    assert [point["size"] for point in one["points"]] == [2, 5, 3]
    # In the next case the same templates are there again, and none of the points.
    tool.press("More…")
    page.get_by_role("menuitem", name="New set from its templates").click()
    expect(tool.sets()).to_have_count(2, timeout=PATIENT_MS)
    assert tool.sets().nth(1).get_by_test_id("marker-template").count() == 3
    tool.page.keyboard.press("Shift+A")
    tool.wait_points(1, at=1)
    assert tool.names(1) == ["AC"]


def test_MARK_08_a_point_roi_is_measured_and_becomes_a_roi(
    tool: MarkerTool, service: Service
) -> None:
    page = tool.page
    tool.new("point ROI")
    tool.click((0.55, 0.5))
    tool.wait_points(1)
    tool.press("Stop adding")
    tool.rename(tool.sets().first.get_by_role("textbox", name="Rename").first, "measured")
    size = tool.points().first.get_by_role("spinbutton", name="Size")
    size.fill("9")
    size.press("Tab")
    image = next(
        row for row in service.items("/projects/default/files") if row["path"].endswith(IMAGE)
    )
    pid, sid = image["psid"].split("#", 1)
    loaded = nib.load(service.folder.projects / "default" / pid / sid / image["path"])
    values = np.asarray(loaded.dataobj, float)
    tool.save()
    (point,) = stored(service, "measured.ano.json")[1]["annotations"][0]["points"]
    at = np.indices(values.shape).reshape(3, -1).T @ loaded.affine[:3, :3].T + loaded.affine[:3, 3]
    away = np.linalg.norm(at - point["coords"][:3], axis=1).reshape(values.shape)
    limit = float(np.median(values[away <= point["size"]]))
    tool.press("Colour, size and display")
    field = tool.sets().first.get_by_role("spinbutton", name="Counts above")
    assert field.input_value() == "300"
    field.fill(str(limit))
    field.press("Tab")
    tool.save()
    (one,) = stored(service, "measured.ano.json")[1]["annotations"]
    assert (one["type"], one["state"]["pointROIthresh"]) == ("pointROI", limit)
    held = (away <= point["size"]) & (values > limit)
    assert 0 < held.sum() < (away <= point["size"]).sum()
    ml = held.sum() * abs(np.linalg.det(loaded.affine[:3, :3])) / 1000
    facts = tool.panel.get_by_test_id("point-roi")
    expect(facts).to_contain_text(f"{float(f'{ml:.4g}'):g} mL", timeout=PATIENT_MS)
    tool.panel.get_by_role("button", name="Numbers").click()
    page.get_by_role("radio", name="Point ROIs").check()
    row = page.get_by_test_id("marker-numbers").locator("tbody tr").first
    expect(row).to_contain_text(f"{float(f'{np.median(values[held]):.3f}'):g}", timeout=PATIENT_MS)
    page.keyboard.press("Escape")
    facts.get_by_role("button", name="Make a ROI of it").click()
    made = """() => window.__viewer.viewer.layers.filter((l) => l.role === 'labels')
        .map((l) => l.volume.frameSamples(0).reduce((n, v) => n + v, 0))"""
    wait_until(
        lambda: page.evaluate(made) == [int(held.sum())],
        "the same voxels",
        within_s=30,
        show=lambda: (page.evaluate(made), int(held.sum())),
    )
    page.evaluate("indexedDB.deleteDatabase('nora-roi')")
