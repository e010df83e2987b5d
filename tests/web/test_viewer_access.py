"""The viewer for everybody: nothing that axe complains of, every tool by keyboard, nothing lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.service import REPOSITORY
from tests.support.waiting import wait_until
from tests.web.pages import Desktop
from tests.web.roi_tool import RoiTool
from tests.web.test_viewer_layouts import IMAGE, layout

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.system]

AXE = REPOSITORY / "webui" / "node_modules" / "axe-core" / "axe.min.js"
PRESSED = "getAttribute('aria-pressed')"
RUN = """async () => {
  const found = await axe.run(document, {
    resultTypes: ['violations'],
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
  });
  return found.violations.map((one) => ({
    rule: one.id,
    help: one.help,
    nodes: one.nodes.map((node) => node.html.slice(0, 160)),
  }));
}"""


def axe(page: Page) -> list[dict[str, Any]]:
    """What axe-core complains about on the page as it is."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(Path(AXE).read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate(RUN)
    return found


@pytest.fixture
def opened(desktop: Desktop) -> Desktop:
    """An image with a label map over it."""
    desktop.open_file(IMAGE)
    desktop.drawn()
    desktop.open_file("brain_labels")
    desktop.drawn(2)
    desktop.page.get_by_test_id("viewer").hover()
    return desktop


def tools(page: Page) -> Locator:
    """Buttons of the icon bar that open a tool in the dock."""
    bar = page.get_by_role("navigation", name="Pages and tools")
    return bar.locator("button[aria-pressed]").filter(has_not_text="Table")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_no_violation_with_every_tool_open(opened: Desktop, theme: str) -> None:
    page = opened.page
    if theme == "light":
        page.evaluate("() => (document.documentElement.dataset.theme = 'light')")
    complaints = {"images": axe(page)}
    for i in range(tools(page).count()):
        tool = tools(page).nth(i)
        name = tool.inner_text()
        if tool.get_attribute("aria-pressed") != "true":
            tool.click()
        page.locator(".dock").wait_for()
        complaints[name] = axe(page)
    page.locator("header").get_by_role("button", name="View", exact=True).click()
    page.get_by_test_id("view-menu").wait_for()
    complaints["view menu"] = axe(page)
    page.keyboard.press("Escape")
    page.locator('.viewport[data-kind="axial"] button.name').first.click()
    page.get_by_test_id("layer-panel").first.wait_for()
    complaints["layer"] = axe(page)
    page.keyboard.press("Escape")
    page.get_by_test_id("viewer").hover()
    page.keyboard.press("s")
    page.get_by_role("dialog").wait_for()
    complaints["settings"] = axe(page)
    assert len(complaints) >= 6
    told = json.dumps({name: found for name, found in complaints.items() if found}, indent=1)
    assert told == "{}", told


def test_every_tool_is_reached_by_the_keyboard(opened: Desktop) -> None:
    page = opened.page
    wanted = [tools(page).nth(i).inner_text() for i in range(tools(page).count())]
    page.get_by_role("link", name="Images", exact=True).focus()
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate("() => document.activeElement.innerText?.trim() ?? ''")
        if name not in wanted or name in reached:
            continue
        reached.append(name)
        page.keyboard.press("Enter")
        page.wait_for_function(f"() => document.activeElement.{PRESSED} === 'true'")
        page.locator(".dock").wait_for()
    assert reached == wanted


def test_the_palette_reaches_every_command_of_the_viewer(opened: Desktop) -> None:
    page = opened.page
    for words, label in (
        ("ruler", "Ruler"),
        ("angle", "Angle"),
        ("picture all", "Picture of all viewports"),
        ("settings viewer", "Settings of the viewer"),
        ("radiological", "Radiological or neurological"),
        ("3d", "3D"),
    ):
        page.keyboard.press("Control+k")
        field = page.locator('[aria-controls="palette-list"]')
        field.fill(words)
        page.locator("#palette-list").get_by_role("option", name=label).first.wait_for()
        page.keyboard.press("Escape")
        field.wait_for(state="detached")


def test_panels_close_by_escape_and_give_the_focus_back(opened: Desktop) -> None:
    page = opened.page
    view = page.locator("header").get_by_role("button", name="View", exact=True)
    view.focus()
    page.keyboard.press("Enter")
    page.get_by_test_id("view-menu").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    page.get_by_test_id("view-menu").wait_for(state="detached")
    assert page.evaluate("() => document.activeElement.innerText.trim()") == "View"


def test_no_drawing_is_lost_with_the_graphics_device(opened: Desktop) -> None:
    page = opened.page
    layout(opened, "1x1")
    tool = RoiTool(opened).open().new()
    tool.size(20, 0)
    box = opened.viewport().bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    drawn = wait_until(tool.voxels, "voxels", within_s=30)
    page.evaluate(
        """() => {
          const gl = window.__viewer.engine.canvas.getContext("webgl2");
          window.lost = gl.getExtension("WEBGL_lose_context");
          window.lost.loseContext();
        }"""
    )
    note = page.get_by_test_id("viewer").get_by_text("The graphics device was reset")
    note.wait_for()
    assert tool.voxels() == drawn
    opened.rows().first.wait_for()
    page.evaluate("() => window.lost.restoreContext()")
    note.wait_for(state="detached")
    assert tool.voxels() == drawn
    wait_until(lambda: opened.coloured_pixels() > 50, "the drawing again", within_s=30)
