"""Mouse, wheel and keys over images, the toolbar and the icon bar, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.waiting import wait_until
from tests.web.pages import Desktop
from tests.web.test_viewer_layouts import IMAGE, layout

pytestmark = [pytest.mark.browser, pytest.mark.system]

WATCHED = """() => {
  const { viewer } = window.__viewer;
  const axial = viewer.viewports.find((v) => v.kind === 'axial');
  const other = viewer.viewports.find((v) => v.kind === 'coronal');
  return {
    crosshair: [...viewer.crosshair],
    zoom: viewer.viewports.filter((v) => v.plane).map((v) => v.zoom),
    centre: axial.centre && [...axial.centre],
    others: other && other.centre && [...other.centre],
    limits: { ...axial.base.limits },
    rotation: [...viewer.rotation],
    speed: viewer.scrollSpeed,
  };
}"""


@pytest.fixture
def opened(desktop: Desktop) -> Desktop:
    """The image in three planes, the pointer in the middle of the axial one."""
    desktop.open_file(IMAGE)
    desktop.drawn()
    hover(desktop)
    return desktop


def middle(desktop: Desktop, kind: str = "axial") -> tuple[float, float]:
    """Middle of a plane on the screen."""
    box = desktop.viewport(kind).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def hover(desktop: Desktop) -> None:
    """Put the pointer in the middle of the axial plane."""
    desktop.page.mouse.move(*middle(desktop))


def drag(desktop: Desktop, dx: float, dy: float, *, button: Any = "left", key: str = "") -> None:
    """Drag from a place beside the middle of the axial plane."""
    x, y = middle(desktop)
    desktop.page.mouse.move(x + 30, y - 20)
    if key:
        desktop.page.keyboard.down(key)
    desktop.page.mouse.down(button=button)
    desktop.page.mouse.move(x + 30 + dx, y - 20 + dy, steps=4)
    desktop.page.mouse.up(button=button)
    if key:
        desktop.page.keyboard.up(key)


def now(desktop: Desktop) -> dict[str, Any]:
    """What gestures change."""
    found: dict[str, Any] = desktop.page.evaluate(WATCHED)
    return found


def changed(desktop: Desktop, before: dict[str, Any], what: str) -> dict[str, Any]:
    """Wait until something has changed."""

    def other() -> dict[str, Any] | None:
        after = now(desktop)
        return after if after[what] != before[what] else None

    return wait_until(other, f"another {what}", within_s=30)


def same(before: dict[str, Any], after: dict[str, Any], *but: str) -> None:
    """Everything else is as it was."""
    assert {k: v for k, v in after.items() if k not in but} == {
        k: v for k, v in before.items() if k not in but
    }


def test_VIEW_14_VIEW_15_VIEW_23_the_wheel_goes_through_slices_and_zooms(opened: Desktop) -> None:
    before = now(opened)
    opened.page.mouse.wheel(0, -100)
    one = changed(opened, before, "crosshair")
    same(before, one, "crosshair")
    opened.page.keyboard.press("y")
    opened.page.keyboard.press("y")
    assert now(opened)["speed"] == 3
    opened.page.mouse.wheel(0, -100)
    three = changed(opened, one, "crosshair")
    step = [b - a for a, b in zip(before["crosshair"], one["crosshair"], strict=True)]
    far = [b - a for a, b in zip(one["crosshair"], three["crosshair"], strict=True)]
    assert far == pytest.approx([3 * x for x in step], abs=1e-3)
    opened.page.keyboard.press("x")
    assert now(opened)["speed"] == 2
    before = now(opened)
    opened.page.keyboard.down("Control")
    opened.page.mouse.wheel(0, -300)
    opened.page.keyboard.up("Control")
    after = changed(opened, before, "zoom")
    assert after["crosshair"] == before["crosshair"]
    assert all(b > a for a, b in zip(before["zoom"], after["zoom"], strict=True))


def test_VIEW_16_VIEW_17_VIEW_18_VIEW_x09_each_button_has_its_gesture(opened: Desktop) -> None:
    before = now(opened)
    for button, key in (("right", ""), ("left", "Shift")):
        drag(opened, 40, 25, button=button, key=key)
        moved = changed(opened, before, "centre")
        same(before, moved, "centre")
        before = moved
    drag(opened, 0, 0)
    placed = changed(opened, before, "crosshair")
    same(before, placed, "crosshair")
    before = placed
    drag(opened, 60, 0, button="middle")
    wider = changed(opened, before, "limits")
    same(before, wider, "limits")
    width = {n: s["limits"]["high"] - s["limits"]["low"] for n, s in (("a", before), ("b", wider))}
    assert width["b"] > width["a"]
    drag(opened, 0, -60, button="middle")
    brighter = changed(opened, wider, "limits")
    assert brighter["limits"]["high"] < wider["limits"]["high"]


def test_VIEW_19_ctrl_drag_turns_the_planes_about_the_crosshair(opened: Desktop) -> None:
    before = now(opened)
    drag(opened, 25, 40, key="Control")
    after = changed(opened, before, "rotation")
    same(before, after, "rotation")
    coronal = opened.page.locator('.viewport[data-kind="coronal"]')
    coronal.get_by_text("oblique").wait_for()
    oblique = opened.page.evaluate("() => window.__viewer.reports")
    assert all(not report["waiting"] for report in oblique.values())
    opened.page.keyboard.press("r")
    back = changed(opened, after, "rotation")
    assert back["rotation"] == before["rotation"]


def test_VIEW_20_number_keys_are_windows_and_their_name_flashes(opened: Desktop) -> None:
    for key, limits, name in (
        ("2", {"low": 0, "high": 100}, "Brain"),
        ("3", {"low": -500, "high": 1500}, "Bone"),
        ("6", {"low": -1220, "high": 220}, "Lung"),
    ):
        opened.page.keyboard.press(key)
        wait_until(lambda limits=limits: now(opened)["limits"] == limits, f"window {key}")  # type: ignore[misc]
        opened.page.locator(".flash").filter(has_text=name).wait_for()


def test_VIEW_x08_keys_reset_centre_and_lead_to_pages(opened: Desktop) -> None:
    before = now(opened)
    drag(opened, 40, 25, button="right")
    moved = changed(opened, before, "centre")
    opened.page.keyboard.press("r")
    assert changed(opened, moved, "centre")["centre"] is None
    drag(opened, 0, 0)
    opened.page.keyboard.press("c")
    after = changed(opened, before, "centre")
    assert after["centre"] == after["crosshair"]
    opened.page.keyboard.press("g")
    opened.page.wait_for_url("**/jobs*")


def test_VIEW_x09_shift_and_wheel_change_the_columns_of_a_mosaic(opened: Desktop) -> None:
    layout(opened, "1x3m")
    bar = opened.page.locator('[data-viewport="3"] .surface')
    bar.wait_for()
    columns = "() => window.__viewer.viewer.viewports[3].mosaic.columns"
    before = opened.page.evaluate(columns)
    bar.hover()
    opened.page.keyboard.down("Shift")
    for _ in range(4):
        opened.page.mouse.wheel(0, -100)
    opened.page.keyboard.up("Shift")
    wait_until(lambda: opened.page.evaluate(columns) > before, "more columns", within_s=30)


def test_VIEW_02_VIEW_05_a_file_is_dragged_from_the_table_into_a_viewport(desktop: Desktop) -> None:
    layout(desktop, "free-1x2")
    desktop.unfold_all()
    row = desktop.find_row(IMAGE)
    row.wait_for()
    box = desktop.page.locator('[data-viewport="1"]')
    carried = desktop.page.evaluate_handle("() => new DataTransfer()")
    row.dispatch_event("dragstart", {"dataTransfer": carried})
    box.dispatch_event("dragenter", {"dataTransfer": carried})
    zone = box.locator('[data-drop="background"]')
    zone.wait_for()
    zone.dispatch_event("drop", {"dataTransfer": carried})
    desktop.drawn()
    shown = "() => window.__viewer.viewer.viewports.map((v) => v.layers.length)"
    wait_until(lambda: desktop.page.evaluate(shown) == [0, 1], "the image in its viewport")


def test_VIEW_06_VIEW_07_VIEW_10_VIEW_x03_each_layer_has_a_bar_at_the_upper_right(
    opened: Desktop,
) -> None:
    opened.open_file("brain_labels")
    opened.drawn(2)
    viewport = opened.page.locator('.viewport[data-kind="axial"]')
    bars = viewport.get_by_test_id("layer-bar")
    wait_until(lambda: bars.count() == 2, "two bars", within_s=30)
    frame, first = viewport.bounding_box(), bars.first.bounding_box()
    assert frame is not None
    assert first is not None
    assert first["x"] > frame["x"] + frame["width"] / 3
    assert first["y"] < frame["y"] + 40
    bars.first.locator("button.name").click()
    panel = opened.page.get_by_test_id("layer-panel")
    for label in ("Opacity", "Gamma", "Slab"):
        panel.get_by_text(label, exact=True).wait_for()
    opened.page.keyboard.press("Escape")
    bars.first.hover()
    for name in ("Show everything on the voxels of this image", "Close t1_mprage_3"):
        bars.first.get_by_role("button", name=name).wait_for()
    viewport.hover()
    for name in ("Picture of this viewport", "Mosaic", "Show this viewport alone"):
        viewport.get_by_role("button", name=name).wait_for()
    viewport.get_by_label("Plane").wait_for()
    bars.nth(1).get_by_role("button", name="Hide").click()
    visible = "() => window.__viewer.viewer.layers.map((l) => l.visible)"
    assert opened.page.evaluate(visible) == [True, False]


def test_VIEW_11_VIEW_x05_the_toolbar_keeps_the_order_of_NORA(opened: Desktop) -> None:
    bar = opened.page.locator("header")
    names = ["Close all images", "Three planes and 3D", "View"]
    places = [bar.get_by_role("button", name=name).bounding_box() for name in names]
    left = [place["x"] for place in places if place is not None]
    assert len(left) == 3
    assert left == sorted(left)
    bar.get_by_role("button", name="View", exact=True).click()
    menu = opened.page.get_by_test_id("view-menu")
    order = menu.locator("input, select, button").evaluate_all(
        "nodes => nodes.map((n) => n.closest('label, button').innerText.trim().split('\\n')[0])"
    )
    for one in ("Crosshair", "Histogram", "Ruler", "Reset view"):
        assert any(one in text for text in order), order
    opened.page.keyboard.press("Escape")
    bar.get_by_role("button", name="Close all images").click()
    wait_until(lambda: not opened.state()["layers"], "nothing is shown")
    held = "() => window.__viewer.engine.held"
    wait_until(lambda: opened.page.evaluate(held) == 0, "nothing is kept of it", within_s=30)


@pytest.mark.parametrize("size", [(1280, 800), (1024, 700), (1024, 480)])
def test_VIEW_27_VIEW_28_the_icon_bar_holds_at_every_size(
    desktop: Desktop, size: tuple[int, int]
) -> None:
    page = desktop.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    bar = page.get_by_role("navigation", name="Pages and tools")
    fits = """bar => bar.scrollHeight <= bar.clientHeight
      && [...bar.querySelectorAll('a, button')].every((one) => {
        const box = one.getBoundingClientRect();
        return box.height >= 28 && box.bottom <= bar.getBoundingClientRect().bottom;
      })"""
    wait_until(lambda: bar.evaluate(fits), "every entry is in sight", within_s=30)
    cut = "() => document.documentElement.scrollWidth - innerWidth"
    assert page.evaluate(cut) <= 0
    user = page.get_by_role("button", name="User and settings").bounding_box()
    assert user is not None
    assert user["x"] + user["width"] <= size[0]
    bar.get_by_role("link", name="Manual", exact=True).wait_for()

    def reached() -> bool:
        """The tool, which plugs itself in a little later, is in the bar or in its menu."""
        if bar.get_by_role("button", name="ROI", exact=True).count():
            return True
        bar.get_by_role("button", name="More").click()
        there = page.get_by_role("menuitem", name="ROI").count() > 0
        page.keyboard.press("Escape")
        return there

    wait_until(reached, "the ROI tool can be reached", within_s=30)
    if size[1] == 480:
        bar.get_by_role("button", name="More").click()
        page.get_by_role("menuitem", name="History").click()
        page.wait_for_url("**/history*")
        bar.get_by_role("link", name="History").wait_for()
        wait_until(lambda: bar.evaluate(fits), "it still fits", within_s=30)


def test_VIEW_x01_VIEW_x02_the_desktop_says_where_one_is_and_what_is_seen(opened: Desktop) -> None:
    page = opened.page
    for name in ("Subjects", "Studies", "Files", "Analysis"):
        page.get_by_role("tab", name=name).wait_for()
    header = page.locator("header")
    header.get_by_role("button", name="default").wait_for()
    header.get_by_role("button", name="User and settings").click()
    menu = page.get_by_role("menu").last
    menu.wait_for()
    wait_until(lambda: "Sign out" in menu.inner_text(), "the menu of the person", within_s=30)
    assert "Settings" in menu.inner_text()
    page.keyboard.press("Escape")
    hover(opened)
    page.keyboard.press("i")
    said = page.locator('.viewport[data-kind="axial"]')
    for word in ("voxel size", "matrix", "value"):
        said.get_by_text(word).first.wait_for()
    assert "S-0001" in said.inner_text()
