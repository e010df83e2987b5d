"""The ROI tool as a test sees it: strokes on viewports, what the list says, what was saved."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.web.pages import Desktop

__all__ = ["RoiTool"]

Share = tuple[float, float]


class RoiTool:
    """The tool in the dock of one main screen."""

    def __init__(self, desktop: Desktop) -> None:
        self.desktop, self.page = desktop, desktop.page

    def open(self) -> RoiTool:
        """Press the pencil in the icon bar."""
        if not self.panel.count():
            self.page.get_by_role("navigation").get_by_role("button", name="ROI").click()
        self.panel.wait_for()
        return self

    @property
    def panel(self) -> Locator:
        """The docked tool."""
        return self.page.get_by_test_id("roi-tool")

    def new(self) -> RoiTool:
        """Make an empty ROI; drawing is on afterwards."""
        n = self.rows().count()
        self.panel.get_by_role("button", name="New ROI", exact=True).click()
        wait_until(lambda: self.rows().count() == n + 1, "a new ROI")
        return self

    def new_from(self, item: str) -> None:
        """Make a ROI through the menu beside the button."""
        self.panel.get_by_role("button", name="New ROI…").click()
        self.page.get_by_role("menuitem", name=item).click()

    def rows(self) -> Locator:
        """ROIs of the list."""
        return self.page.get_by_test_id("roi-row")

    def pen(self, name: str) -> None:
        """Choose a pen by its label."""
        self.panel.get_by_role("radio", name=name, exact=True).click()

    def size(self, xy: int, z: int) -> None:
        """Type the two sizes."""
        for label, value in (("Size XY", xy), ("Size Z", z)):
            field = self.panel.get_by_role("spinbutton", name=label)
            field.fill(str(value))
            field.press("Tab")

    def option(self, name: str, *, on: bool = True) -> None:
        """Tick an option."""
        self.unfold("Options")
        self.panel.get_by_role("checkbox", name=name, exact=True).set_checked(on)

    def unfold(self, name: str) -> None:
        """Show what lies below Options or Operations."""
        details = self.panel.locator("details").filter(has=self.page.get_by_text(name, exact=True))
        if details.get_attribute("open") is None:
            details.locator("summary").click()

    def voxels(self, row: int = 0) -> int:
        """Voxels that are on, as the list tells."""
        told = self.rows().nth(row).get_by_test_id("roi-ml").get_attribute("title") or ""
        return int(re.sub(r"\D", "", told))

    def wait_voxels(self, check: object, what: str, row: int = 0) -> int:
        """Wait until the count fulfils a condition."""
        found = 0

        def asked() -> bool:
            nonlocal found
            found = self.voxels(row)
            return bool(check(found))  # type: ignore[operator]

        wait_until(asked, what, within_s=30, show=lambda: found)
        return found

    def at(self, share: Share, kind: str = "axial") -> tuple[float, float]:
        """Page coordinates of a place in a viewport."""
        box = self.desktop.viewport(kind).bounding_box()
        assert box is not None
        return box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"]

    def stroke(
        self,
        *way: Share,
        kind: str = "axial",
        button: str = "left",
        release_at: tuple[float, float] | None = None,
    ) -> None:
        """Press, go along a way, let go (`release_at` in page coordinates)."""
        mouse = self.page.mouse
        mouse.move(*self.at(way[0], kind))
        mouse.down(button=button)  # type: ignore[arg-type]
        for place in way[1:]:
            mouse.move(*self.at(place, kind), steps=4)
        if release_at:
            mouse.move(*release_at, steps=3)
        mouse.up(button=button)  # type: ignore[arg-type]

    def operate(self, name: str, row: int = 0) -> None:
        """Run an operation from the menu of a ROI."""
        self.rows().nth(row).get_by_role("button", name="Operations").click()
        self.page.get_by_role("menuitem", name=name, exact=True).click()

    def press(self, name: str) -> None:
        """Press a button of the operations on the current ROI."""
        self.unfold("Operations")
        self.panel.get_by_role("button", name=name, exact=True).click()

    def button(self, name: str, row: int = 0) -> Locator:
        """A button of a ROI in the list."""
        return self.rows().nth(row).get_by_role("button", name=name, exact=True)

    def look(self, row: int = 0) -> dict[str, Any]:
        """How the layer of a ROI is drawn, in the order of the list."""
        script = """(row) => {
            const rois = window.__viewer.viewer.layers.filter((l) => l.role === 'labels');
            const { visible, opacity, outline, label } = rois[row];
            return { visible, opacity, outline, label };
        }"""
        found: dict[str, Any] = self.page.evaluate(script, row)
        return found

    def save(self, row: int = 0) -> None:
        """Save a ROI and wait until it is."""
        self.rows().nth(row).get_by_role("button", name="Save", exact=True).click()
        unsaved = self.rows().nth(row).get_by_role("img", name="not saved")
        wait_until(lambda: unsaved.count() == 0, "the ROI is saved", within_s=30)
