"""The marker tool as a test sees it: bars, points of the list, and what is drawn on the slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.web.pages import Desktop

__all__ = ["MarkerTool"]

Share = tuple[float, float]


class MarkerTool:
    """The tool in the dock of one main screen."""

    def __init__(self, desktop: Desktop) -> None:
        self.desktop, self.page = desktop, desktop.page

    def open(self) -> MarkerTool:
        """Press the pin in the icon bar."""
        button = self.page.get_by_role("navigation").get_by_role("button", name="Markers")
        button.wait_for()  # a page that is loaded anew may open the tool by itself
        if button.get_attribute("aria-pressed") != "true":
            button.click()
        self.panel.wait_for()
        return self

    @property
    def panel(self) -> Locator:
        """The docked tool."""
        return self.page.get_by_test_id("marker-tool")

    def new(self, kind: str) -> MarkerTool:
        """Make a set through the menu "new+"; its pen is on afterwards."""
        n = self.sets().count()
        self.panel.get_by_role("button", name="new+").click()
        self.page.get_by_role("menuitem", name=kind, exact=True).click()
        wait_until(lambda: self.sets().count() == n + 1, "a new set", within_s=30)
        return self

    def sets(self) -> Locator:
        """Yellow bars, each with its points."""
        return self.page.get_by_test_id("marker-set")

    def points(self, at: int = 0) -> Locator:
        """Points in the list of a set."""
        return self.sets().nth(at).get_by_test_id("marker-point")

    def names(self, at: int = 0) -> list[str]:
        """Names of the points of a set, as they stand in their fields."""
        fields = self.points(at).get_by_role("textbox", name="Rename")
        return [fields.nth(n).input_value() for n in range(fields.count())]

    def wait_points(self, n: int, at: int = 0) -> None:
        """Wait until a set has so many points."""
        wait_until(
            lambda: self.points(at).count() == n,
            f"{n} points",
            within_s=30,
            show=lambda: self.points(at).count(),
        )

    def press(self, name: str, at: int = 0) -> None:
        """Press a button of a set's bar."""
        self.sets().nth(at).get_by_role("button", name=name, exact=True).first.click()

    def rename(self, field: Locator, name: str) -> None:
        """Click a name and write another."""
        field.click()
        field.fill(name)
        field.press("Enter")

    def at(self, share: Share, kind: str = "axial") -> tuple[float, float]:
        """Page coordinates of a place in a viewport."""
        box = self.desktop.viewport(kind).bounding_box()
        assert box is not None
        return box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"]

    def click(self, share: Share, kind: str = "axial", button: str = "left") -> None:
        """Click on a slice."""
        self.page.mouse.click(*self.at(share, kind), button=button)  # type: ignore[arg-type]

    def drag(self, *way: Share, kind: str = "axial", key: str | None = None) -> None:
        """Press, go along a way, let go; with a key held if told."""
        mouse, keyboard = self.page.mouse, self.page.keyboard
        if key:
            keyboard.down(key)
        mouse.move(*self.at(way[0], kind))
        mouse.down()
        for place in way[1:]:
            mouse.move(*self.at(place, kind), steps=4)
        mouse.up()
        if key:
            keyboard.up(key)

    def drawn(self, kind: str = "axial") -> Locator:
        """What is drawn of markers in a viewport (in every tile of a mosaic)."""
        return self.page.locator(f'.viewport[data-kind="{kind}"] svg[data-testid="markers"]')

    def dots(self, kind: str = "axial") -> Locator:
        """Dots of points in a viewport."""
        return self.drawn(kind).locator("circle.dot")

    def coords(self, n: int = 0, at: int = 0) -> list[float]:
        """Place of a point in mm, as its row tells."""
        told = self.points(at).nth(n).get_attribute("title") or ""
        return [float(one) for one in told.replace("−", "-").removesuffix(" mm").split(",")]

    def save(self) -> None:
        """Save all that has changed and wait until it is."""
        button = self.panel.get_by_role("button", name="Save", exact=True)
        button.click()
        wait_until(button.is_disabled, "everything is saved", within_s=30)

    def kept(self) -> list[dict[str, Any]]:
        """Drafts in the database of the browser."""
        script = """() => new Promise((done) => {
            const asked = indexedDB.open('nora-markers', 1);
            asked.onupgradeneeded = () => asked.transaction.abort();
            asked.onerror = () => done([]);
            asked.onsuccess = () => {
              const db = asked.result;
              const all = db.transaction('drafts').objectStore('drafts').getAll();
              all.onsuccess = () => { db.close(); done(all.result); };
            };
        })"""
        found: list[dict[str, Any]] = self.page.evaluate(script)
        return found
