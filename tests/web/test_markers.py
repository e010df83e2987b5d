"""Markers in a real browser: sets, points on image and list, files, numbers, recovery."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.browser import Watched
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.marker_tool import MarkerTool
from tests.web.pages import Desktop
from tests.web.test_viewer_access import axe

pytestmark = [pytest.mark.browser, pytest.mark.system]

IMAGE = "t1_mprage_3/s001.nii"
DROP = """([selector, name, body]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([body], name));
    const fire = (type, where) => where.dispatchEvent(
        new DragEvent(type, {bubbles: true, cancelable: true, dataTransfer: transfer}));
    const viewport = document.querySelector(selector);
    fire('dragenter', viewport);
    return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
        fire('drop', viewport.querySelector('[data-drop]'));
        done();
    })));
}"""


@pytest.fixture
def tool(desktop: Desktop) -> Iterator[MarkerTool]:
    """The tool beside an open image."""
    desktop.page.on("dialog", lambda dialog: dialog.accept())
    desktop.open_file(IMAGE)
    desktop.drawn()
    yield MarkerTool(desktop).open()
    # What is not saved would be offered to the next test of this profile.
    desktop.page.evaluate("indexedDB.deleteDatabase('nora-markers')")


def stored(service: Service, name: str) -> tuple[dict, dict]:
    """A file of the study, and what it holds."""
    rows = service.items("/projects/default/files")
    row = next(row for row in rows if row["name"] == name)
    pid, sid = row["psid"].split("#", 1)
    path: Path = service.folder.projects / "default" / pid / sid / row["path"]
    return row, json.loads(path.read_text())


def study_of(service: Service) -> int:
    """The study of the image."""
    rows = service.items("/projects/default/files")
    return next(row["study_id"] for row in rows if row["path"].endswith(IMAGE))


def put(service: Service, sets: list[dict], path: str, version: str | None = None) -> dict:
    """Save markers as another program would."""
    body = {"sets": sets, "path": path, "version": version}
    found: dict = service.post(f"/studies/{study_of(service)}/annotations", body)["file"]
    return found


def test_MARK_01_to_07_a_pointset_is_made_named_filled_and_saved(
    tool: MarkerTool, service: Service
) -> None:
    tool.new("pointset")
    name = tool.sets().first.get_by_role("textbox", name="Rename").first
    tool.rename(name, "landmarks")  # MARK-03: the text of the yellow bar
    assert name.input_value() == "landmarks"
    tool.click((0.45, 0.5))  # MARK-05: the pen is on, each click is a point
    tool.click((0.55, 0.45))
    tool.wait_points(2)
    assert tool.names() == ["noname", "noname_1"]
    tool.press("Stop adding")
    tool.click((0.3, 0.3))
    tool.rename(tool.points().first.get_by_role("textbox", name="Rename"), "AC")  # MARK-06
    tool.press("List close to the image")  # MARK-04
    near = tool.page.get_by_test_id("marker-near")
    assert near.get_by_role("button", name="AC").is_visible()
    tool.save()  # MARK-07
    row, saved = stored(service, "landmarks.ano.json")
    assert row["path"] == "annotations/landmarks.ano.json"
    assert "ANO" in row["tags"]
    (one,) = saved["annotations"]
    assert (one["type"], one["state"]["locked"]) == ("pointset", 0)
    assert [point["name"] for point in one["points"]] == ["AC", "noname_1"]
    assert one["points"][0]["coords"][3] == 1
    assert one["points"][0]["size"] == 5
    told = tool.coords(0)
    assert one["points"][0]["coords"][:3] == pytest.approx(told, abs=0.06)
    assert tool.names() == ["AC", "noname_1"]


def test_MARK_04_a_click_in_the_list_at_the_image_goes_there(tool: MarkerTool) -> None:
    tool.new("pointset")
    tool.click((0.4, 0.6))
    tool.wait_points(1)
    wanted = tool.coords(0)
    tool.press("Stop adding")
    tool.press("List close to the image")
    tool.click((0.62, 0.35))
    tool.page.get_by_test_id("marker-near").get_by_role("button", name="noname").click()
    tool.desktop.wait_state(
        lambda s: s["crosshair"] == pytest.approx(wanted, abs=0.06), "crosshair at the point"
    )


def test_points_are_moved_sized_and_deleted_on_the_image_each_a_step_of_undo(
    tool: MarkerTool,
) -> None:
    page = tool.page
    tool.new("pointset")
    tool.click((0.4, 0.5))
    tool.click((0.6, 0.5))
    tool.wait_points(2)
    tool.press("Stop adding")
    first, second = tool.coords(0), tool.coords(1)
    tool.drag((0.4, 0.5), (0.45, 0.6))
    wait_until(lambda: tool.coords(0) != first, "moved", within_s=30)
    moved = tool.coords(0)
    assert moved[2] == pytest.approx(first[2], abs=0.06)
    assert tool.coords(1) == second
    tool.drag((0.45, 0.6), (0.47, 0.62), key="Control")
    wait_until(lambda: tool.coords(1) != second, "all moved", within_s=30)
    page.keyboard.press("Control+z")
    assert (tool.coords(0), tool.coords(1)) == (moved, second)
    page.keyboard.press("Control+z")
    assert tool.coords(0) == first
    size = tool.points().first.get_by_role("spinbutton")
    tool.drag((0.4, 0.5), (0.4, 0.62), key="Shift")
    wait_until(lambda: float(size.input_value()) > 6, "larger", within_s=30)
    tool.click((0.6, 0.5), button="right")
    tool.wait_points(1)
    page.keyboard.press("Control+z")
    tool.wait_points(2)
    page.keyboard.press("Control+Shift+z")
    tool.wait_points(1)


def test_points_fade_on_neighbouring_slices_and_show_in_every_plane_and_tile(
    tool: MarkerTool,
) -> None:
    page = tool.page
    tool.new("pointset")
    tool.click((0.5, 0.5))
    tool.wait_points(1)
    tool.press("Stop adding")
    for kind in ("axial", "coronal", "sagittal"):
        wait_until(lambda kind=kind: tool.dots(kind).count() == 1, f"in {kind}", within_s=30)
    assert tool.dots().first.get_attribute("opacity") == "1"
    page.mouse.move(*tool.at((0.3, 0.3)))
    page.keyboard.press("PageUp")
    wait_until(
        lambda: 0 < float(tool.dots().first.get_attribute("opacity") or 0) < 1,
        "faded",
        within_s=30,
    )
    page.evaluate("""() => {
        const v = window.__viewer.viewer;
        const [x, y, z] = v.crosshair;
        v.setCrosshair([x, y, z + 12]);
    }""")
    wait_until(lambda: tool.dots().count() == 0, "gone", within_s=30)
    tool.press("Colour, size and display")
    tool.sets().first.get_by_role("combobox", name="Shown on").select_option("all")
    wait_until(lambda: tool.dots().count() == 1, "on all slices", within_s=30)
    page.evaluate("""() => {
        const v = window.__viewer.viewer.viewports.find((one) => one.kind === 'axial');
        v.mosaic = {columns: 4, start: 0.2, end: 0.8, border: 0};
    }""")
    tiles = page.locator('.viewport[data-kind="axial"] .part.tile')
    wait_until(lambda: tiles.count() > 1, "a mosaic", within_s=30)
    wait_until(lambda: tool.dots().count() == tiles.count(), "in every tile", within_s=30)


KINDS = {
    "freeline (waypoints)": [((0.4, 0.4),), ((0.5, 0.4),), ((0.5, 0.55),)],
    "correspondence": [((0.4, 0.4), (0.5, 0.45))],
    "scribble": [((0.4, 0.4), (0.55, 0.4), (0.55, 0.55), (0.41, 0.41))],
    "box": [((0.4, 0.4), (0.55, 0.5))],
    "electrode": [((0.5, 0.6), (0.4, 0.35))],
    "ruler": [((0.4, 0.4), (0.55, 0.5))],
    "2D diameter": [((0.38, 0.5), (0.6, 0.5))],
}
MADE = {
    "freeline (waypoints)": ("freeline", 3),
    "correspondence": ("correspondence", 2),
    "scribble": ("scribble", 1),
    "box": ("boxes", 1),
    "electrode": ("electrode", 2),
    "ruler": ("ruler", 2),
    "2D diameter": ("2diameter", 4),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_MARK_08_every_other_kind_is_drawn_measured_and_saved(
    kind: str, tool: MarkerTool, service: Service
) -> None:
    type_, n = MADE[kind]
    tool.new(kind)
    for way in KINDS[kind]:
        tool.drag(*way) if len(way) > 1 else tool.click(way[0])
    tool.wait_points(n)
    assert tool.sets().first.get_attribute("data-type") == type_
    assert tool.drawn().locator("path").count() >= 1
    name = tool.sets().first.get_by_role("textbox", name="Rename").first
    tool.rename(name, f"my {type_}")
    tool.save()
    _, saved = stored(service, f"my {type_}.ano.json")
    (one,) = saved["annotations"]
    assert (one["type"], len(one["points"])) == (type_, n)
    answer = service.post("/annotations/statistics", {"sets": [one]})["sets"][0]
    assert answer["n_points"] == n
    sized = {"correspondence", "electrode", "freeline", "ruler"}
    if type_ in sized:
        told = tool.sets().first.inner_text()
        assert f"{answer['length_mm']:.1f} mm" in told
    if type_ == "2diameter":
        assert answer["angle_deg"] == pytest.approx(90, abs=1e-6)
        assert answer["d1_mm"] > answer["d2_mm"] > 0
    if type_ == "scribble":
        assert one["points"][0]["closed"] is True
        assert answer["outlines"][0]["area_cm2"] > 0
    if type_ == "boxes":
        assert min(one["points"][0]["size"][:3]) > 0
    tool.page.keyboard.press("Control+z")  # the name
    tool.page.keyboard.press("Control+z")  # the last gesture
    before = len(KINDS[kind]) - 1
    tool.wait_points(before if kind.startswith("freeline") else 0)


def test_MARK_08_a_line_takes_a_point_between_two(tool: MarkerTool) -> None:
    tool.new("freeline (waypoints)")
    tool.click((0.35, 0.5))
    tool.click((0.65, 0.5))
    tool.wait_points(2)
    first, last = tool.coords(0), tool.coords(1)
    tool.click((0.5, 0.5))
    tool.wait_points(3)
    assert (tool.coords(0), tool.coords(2)) == (first, last)


def test_somebody_else_changed_the_file_both_are_kept(
    tool: MarkerTool, service: Service, watched: Watched
) -> None:
    page = tool.page
    point = {"name": "A", "coords": [0, 0, 0, 1]}
    row = put(service, [{"name": "shared", "points": [point]}], "annotations/shared.ano.json")
    page.get_by_role("tree").wait_for()
    tool.desktop.open_file("shared.ano.json")
    tool.wait_points(1)
    theirs = [{"name": "shared", "points": [point, {**point, "name": "B"}]}]
    put(service, theirs, "annotations/shared.ano.json", row["version"])
    tool.rename(tool.points().first.get_by_role("textbox", name="Rename"), "mine")
    tool.panel.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("changed by somebody else").wait_for()
    dialog.get_by_role("button", name="Save as a new file").click()
    button = tool.panel.get_by_role("button", name="Save", exact=True)
    wait_until(button.is_disabled, "saved", within_s=30)
    _, other = stored(service, "shared.ano.json")
    assert [one["name"] for one in other["annotations"][0]["points"]] == ["A", "B"]
    _, mine = stored(service, "shared_1.ano.json")
    assert [one["name"] for one in mine["annotations"][0]["points"]] == ["mine"]
    # The refusal is an answer, which browsers note as an error of their own.
    watched.errors[:] = [one for one in watched.errors if "409 (Conflict)" not in one]


def test_MARK_x01_a_file_of_nora_comes_back_with_all_its_keys(
    tool: MarkerTool, service: Service
) -> None:
    told = {
        "name": "odd",
        "type": "pointset",
        "panelpos": [1, 2],
        "state": {"locked": 1, "visible": True, "strange": {"a": 1}},
        "points": [
            {"name": "P", "coords": [1, 2, 3, 1], "voltage": 2, "color": "#00ff00", "size": 3}
        ],
    }
    other = {"name": "second", "type": "surface", "points": []}
    put(service, [told, other], "annotations/odd.ano.json")
    tool.desktop.open_file("odd.ano.json")
    wait_until(lambda: tool.sets().count() == 2, "both sets", within_s=30)
    assert tool.sets().first.get_by_role("button", name="Add by clicking").is_disabled()
    tool.rename(tool.points().first.get_by_role("textbox", name="Rename"), "Q")
    tool.save()
    _, saved = stored(service, "odd.ano.json")
    first, second = saved["annotations"]
    assert first["panelpos"] == [1, 2]
    assert first["state"]["strange"] == {"a": 1}
    assert first["points"][0]["voltage"] == 2
    assert first["points"][0]["name"] == "Q"
    assert second["type"] == "surface"


FCSV = """# Markups fiducial file version = 4.11
# CoordinateSystem = LPS
# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID
n_0,-1,2,3,0,0,0,1,1,1,0,secret,,
"""
MRK = {
    "markups": [
        {
            "type": "Line",
            "coordinateSystem": "RAS",
            "coordinateUnits": "mm",
            "controlPoints": [
                {"label": "a", "position": [0, 0, 0]},
                {"label": "b", "position": [3, 4, 0]},
            ],
        }
    ]
}


@pytest.mark.parametrize(
    ("name", "body", "names"),
    [
        ("local.fcsv", FCSV, ["secret"]),
        ("local.mrk.json", json.dumps(MRK), ["a", "b"]),
        ("local.ano.json", '{"annotations": [{"points": [{"coords": [1, 2, 3]}]}]}', ["noname"]),
    ],
)
def test_a_dropped_file_of_this_computer_is_shown_and_never_sent(
    name: str, body: str, names: list[str], tool: MarkerTool, watched: Watched
) -> None:
    sent: list[str] = []
    tool.page.on("request", lambda request: sent.append(f"{request.url} {request.post_data}"))
    tool.page.evaluate(DROP, ['.viewport[data-kind="axial"]', name, body])
    tool.wait_points(len(names))
    assert tool.names() == names
    assert not [one for one in sent if "annotations" in one or "local" in one]
    if name.endswith(".fcsv"):
        assert tool.coords(0) == [1, -2, 3]


def test_a_damaged_file_says_so_and_shows_nothing(tool: MarkerTool) -> None:
    tool.page.evaluate(DROP, ['.viewport[data-kind="axial"]', "broken.ano.json", "{"])
    tool.page.get_by_text("broken.ano.json could not be read as markers").wait_for()
    assert tool.sets().count() == 0


def test_unsaved_markers_survive_a_crash(tool: MarkerTool) -> None:
    page = tool.page
    tool.new("pointset")
    tool.click((0.4, 0.5))
    tool.wait_points(1)
    place = tool.coords(0)

    def is_kept() -> bool:
        return any(draft["sets"][0]["points"] for draft in tool.kept())

    wait_until(is_kept, "the draft is kept", within_s=30)
    page.reload()
    tool.desktop.ready()
    tool.open()
    page.get_by_role("button", name="Recover").click()
    tool.wait_points(1)
    assert tool.coords(0) == place


def test_numbers_and_values_under_points_are_shown_copied_and_downloaded(
    tool: MarkerTool, service: Service
) -> None:
    page = tool.page
    tool.new("ruler")
    tool.drag((0.4, 0.5), (0.6, 0.5))
    tool.wait_points(2)
    tool.panel.get_by_role("button", name="Numbers").click()
    table = page.get_by_test_id("marker-numbers")
    assert table.get_by_role("row").filter(has_text="length").count() == 1
    page.get_by_role("radio", name="Points").check()
    head = table.get_by_role("columnheader").all_inner_texts()
    assert head[:5] == ["set", "point", "x mm", "y mm", "z mm"]
    assert head[-1].startswith("t1_mprage")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV").click()
    lines = Path(waiting.value.path()).read_text().splitlines()
    cells = lines[1].split(",")
    assert cells[:2] == ["ruler", "start"]
    value = float(cells[-1])
    page.keyboard.press("Escape")
    tool.points().first.get_by_role("textbox", name="Rename").click()
    tool.desktop.wait_state(
        lambda s: s["readouts"] and s["readouts"][0]["value"] == pytest.approx(value),
        "the value of the image at the point",
    )


def test_sets_are_hidden_locked_deleted_and_cleared(tool: MarkerTool) -> None:
    tool.new("pointset")
    tool.click((0.4, 0.5))
    tool.wait_points(1)
    tool.press("Hide")
    wait_until(lambda: tool.dots().count() == 0, "hidden", within_s=30)
    tool.press("Show")
    wait_until(lambda: tool.dots().count() == 1, "shown", within_s=30)
    tool.press("More…")
    tool.page.get_by_text("Nothing is added or deleted by a click").click()
    tool.click((0.4, 0.5), button="right")
    tool.click((0.6, 0.6))
    tool.wait_points(1)
    tool.new("box")
    tool.panel.get_by_role("button", name="Clear").click()
    wait_until(lambda: tool.sets().count() == 0, "cleared", within_s=30)
    tool.page.get_by_role("button", name="Undo", exact=True).first.click()
    wait_until(lambda: tool.sets().count() == 2, "back", within_s=30)
    tool.press("Delete", at=1)
    wait_until(lambda: tool.sets().count() == 1, "deleted", within_s=30)
    tool.page.keyboard.press("Control+z")
    wait_until(lambda: tool.sets().count() == 2, "back again", within_s=30)


def test_everything_is_reached_by_keys(tool: MarkerTool) -> None:
    page = tool.page
    page.keyboard.press("k")
    wait_until(lambda: tool.panel.count() == 0, "closed", within_s=30)
    page.keyboard.press("k")
    tool.panel.wait_for()
    page.keyboard.press("Control+k")
    page.keyboard.type("pointset")
    page.get_by_role("option", name="pointset").first.wait_for()
    page.keyboard.press("Enter")
    wait_until(lambda: tool.sets().count() == 1, "a set", within_s=30)
    page.keyboard.press("Shift+A")
    tool.wait_points(1)
    page.keyboard.press("PageUp")
    page.keyboard.press("Shift+A")
    tool.wait_points(2)
    assert tool.coords(0) != tool.coords(1)
    page.keyboard.press("Alt+ArrowUp")
    size = tool.points().nth(1).get_by_role("spinbutton")
    wait_until(lambda: float(size.input_value()) > 5, "larger", within_s=30)
    page.keyboard.press("Delete")
    tool.wait_points(1)
    page.keyboard.press("Escape")
    pen = tool.sets().first.get_by_role("button", name="Add by clicking on the image")
    assert pen.get_attribute("aria-pressed") == "false"
    page.keyboard.press("a")
    stop = tool.sets().first.get_by_role("button", name="Stop adding")
    wait_until(stop.is_visible, "the pen is on", within_s=30)


def test_one_tool_at_a_time_has_the_pen(tool: MarkerTool) -> None:
    page = tool.page
    tool.new("pointset")
    page.keyboard.press("Shift+N")
    page.get_by_role("navigation").get_by_role("button", name="ROI").click()
    draw = page.get_by_test_id("roi-tool").get_by_role("button", name="Draw", exact=True)
    wait_until(lambda: draw.get_attribute("aria-pressed") == "true", "ROIs are drawn", within_s=30)
    tool.open()
    pen = tool.sets().first.get_by_role("button", name="Add by clicking on the image")
    wait_until(pen.is_visible, "no points are added", within_s=30)
    tool.click((0.5, 0.5))
    assert tool.points().count() == 0
    pen.click()
    tool.click((0.4, 0.4))
    tool.wait_points(1)
    page.get_by_role("navigation").get_by_role("button", name="ROI").click()
    assert draw.get_attribute("aria-pressed") == "false"
    page.keyboard.press("u")
    tool.drag((0.3, 0.5), (0.6, 0.55))
    page.get_by_test_id("measurements").first.wait_for()
    page.evaluate("indexedDB.deleteDatabase('nora-roi')")


def test_slicers_file_of_a_study_is_opened_by_a_double_click_and_saved_as_noras(
    tool: MarkerTool, service: Service
) -> None:
    row = next(r for r in service.items("/projects/default/files") if r["path"].endswith(IMAGE))
    subject, study = row["psid"].split("#", 1)
    body = FCSV.replace("secret", "from Slicer").encode()
    key = service.upload("slicer.fcsv", body, subject=subject, study=study)["key"]
    assert service.closed(key)["state"] == "done"
    tool.desktop.open_file("slicer.fcsv")
    tool.wait_points(1)
    assert tool.names() == ["from Slicer"]
    tool.rename(tool.points().first.get_by_role("textbox", name="Rename"), "renamed")
    tool.save()
    _, saved = stored(service, "slicer.ano.json")
    assert saved["annotations"][0]["points"][0]["coords"] == [1, -2, 3, 1]


def test_a_parsed_file_over_the_api_is_the_one_the_browser_reads(service: Service) -> None:
    data = base64.b64encode(FCSV.encode()).decode()
    told = service.post("/annotations/parse", {"name": "x.fcsv", "data": data})
    assert told["sets"][0]["points"][0]["coords"] == [1, -2, 3, 1]


def test_a_comment_is_written_and_a_point_moved_to_the_crosshair(
    tool: MarkerTool, service: Service
) -> None:
    page = tool.page
    tool.new("pointset")
    tool.click((0.4, 0.5))
    tool.wait_points(1)
    comment = tool.sets().first.get_by_role("textbox", name="Comment")
    comment.fill("seen on T1")
    comment.press("Tab")
    tool.press("Stop adding")
    tool.click((0.6, 0.4))
    wanted = tool.desktop.state()["crosshair"]
    page.keyboard.press("Alt+a")
    wait_until(
        lambda: tool.coords(0) == pytest.approx(wanted, abs=0.06), "at the crosshair", within_s=30
    )
    tool.rename(tool.sets().first.get_by_role("textbox", name="Rename").first, "commented")
    tool.save()
    _, saved = stored(service, "commented.ano.json")
    assert saved["annotations"][0]["points"][0]["comment"] == "seen on T1"


def test_planes_turn_to_ac_and_pc_and_along_a_lead_and_back(tool: MarkerTool) -> None:
    page = tool.page
    normal = "[...window.__viewer.viewer.view(window.__viewer.viewer.activeViewport).axes.up]"
    tool.new("pointset")
    tool.click((0.45, 0.35))
    tool.click((0.5, 0.65))
    tool.wait_points(2)
    before = page.evaluate(normal)
    tool.press("Colour, size and display")
    tool.sets().first.get_by_role("button", name="AC–PC").click()
    a, b = tool.coords(0), tool.coords(1)
    wait_until(lambda: page.evaluate(normal) != before, "turned", within_s=30)
    up = page.evaluate(normal)
    way = [p - q for p, q in zip(a, b, strict=True)]
    length = sum(w * w for w in way) ** 0.5
    along = abs(sum(u * w for u, w in zip(up, way, strict=True))) / length
    assert along == pytest.approx(1, abs=1e-2)
    page.evaluate("window.__viewer.viewer.reset()")
    wait_until(lambda: page.evaluate(normal) == pytest.approx(before), "turned back", within_s=30)
    tool.new("electrode")
    tool.drag((0.4, 0.3), (0.55, 0.5))
    tool.wait_points(2, at=1)
    tip = tool.coords(0, at=1)
    tool.press("Colour, size and display", at=1)
    tool.press("Deeper", at=1)
    wait_until(lambda: tool.coords(0, at=1) != tip, "deeper", within_s=30)
    tool.press("Look along it", at=1)
    wait_until(lambda: page.evaluate(normal) != pytest.approx(before), "along", within_s=30)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_no_violation_in_the_tool(theme: str, tool: MarkerTool) -> None:
    page = tool.page
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
    tool.new("pointset")
    tool.click((0.4, 0.5))
    tool.wait_points(1)
    tool.press("List close to the image")
    tool.press("Colour, size and display")
    tool.new("box")
    waiting = {"name": "waiting", "templates": {"AC": {}, "PC": {}}, "points": []}
    waiting["points"] = [{"name": "AC", "coords": [0, 0, 0, 1]}]
    page.evaluate(DROP, ['.viewport[data-kind="axial"]', "t.ano.json", json.dumps([waiting])])
    expect(page.get_by_test_id("marker-template")).to_have_count(2, timeout=30_000)
    page.get_by_test_id("marker-template").nth(1).click()
    tool.new("point ROI")
    tool.click((0.6, 0.5))
    page.get_by_test_id("point-roi").wait_for()
    assert axe(page) == []
    tool.panel.get_by_role("button", name="Numbers").click()
    page.get_by_test_id("marker-numbers").wait_for()
    assert axe(page) == []
