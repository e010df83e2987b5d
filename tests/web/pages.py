"""The main screen as a test sees it: rows of the table, viewports, what the viewer reports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.support.service import Service

__all__ = ["Desktop"]


class Desktop:
    """One browser page on one service."""

    def __init__(self, page: Page, service: Service) -> None:
        self.page, self.service = page, service

    def log_in(self) -> Desktop:
        """Follow a new login link to the table; viewer and tools are there when it returns."""
        self.page.goto(self.service.login_link())
        return self.ready()

    def ready(self) -> Desktop:
        """Wait for the table and for the viewer, which comes with its tools."""
        self.page.get_by_role("tree").wait_for()
        self.page.locator("[data-viewport]").first.wait_for(state="attached")
        return self

    def go(self, path: str) -> Desktop:
        """Open a page of the frame by its address."""
        self.page.goto(f"{self.service.url}{path}")
        return self

    # -- table --------------------------------------------------------------
    def rows(self) -> Locator:
        """Rows in sight."""
        return self.page.get_by_role("treeitem")

    def row_of(self, path_end: str) -> Locator:
        """The row of a file, by the end of its path or name."""
        return self.page.locator("[role=treeitem]").filter(
            has=self.page.locator(f'.c-file[title*="{path_end}"]')
        )

    def unfold_all(self) -> None:
        """Open every study in sight."""
        self.rows().first.wait_for()
        closed = self.page.locator('[role=treeitem][aria-expanded="false"]')
        while closed.count():
            closed.first.get_by_role("button", name="Unfold").click()
            self.page.wait_for_timeout(50)

    def find_row(self, path_end: str) -> Locator:
        """Unfold and scroll until the row of a file is in sight: other tests add files, too."""
        row, tree = self.row_of(path_end).first, self.page.get_by_role("tree")
        turn = """node => {
            const before = node.scrollTop;
            node.scrollTop += node.clientHeight / 2;
            if (node.scrollTop === before) node.scrollTop = 0;
        }"""

        def seen() -> bool:
            if row.count():
                return True
            self.unfold_all()
            if not row.count():
                tree.evaluate(turn)
            return row.count() > 0

        wait_until(seen, f"the row of {path_end}", within_s=60)
        return row

    def open_file(self, path_end: str) -> None:
        """Double click a file's row."""
        self.find_row(path_end).dblclick()

    # -- viewer ------------------------------------------------------------------
    def drawn(self, n_layers: int = 1, *, within_s: float = 60) -> None:
        """Wait until the first slices of so many images have been drawn."""
        self.page.wait_for_function(
            "n => window.__viewer && Object.keys(window.__viewer.drawn).length >= n",
            arg=n_layers,
            timeout=within_s * 1000,
        )

    def state(self) -> dict[str, Any]:
        """Crosshair, readouts and layer names."""
        script = """() => {
            const s = window.__viewer.state;
            return {
              crosshair: [...s.crosshair],
              voxel: s.voxel && [...s.voxel],
              value: s.value,
              layout: s.layout,
              layers: s.layers.map((l) => ({ name: l.name, role: l.role })),
              readouts: s.readouts.map((r) => ({ name: r.name, value: r.value,
                                                 voxel: r.voxel && [...r.voxel] })),
            };
        }"""
        found: dict[str, Any] = self.page.evaluate(script)
        return found

    def viewport(self, kind: str = "axial") -> Locator:
        """The drawing surface of a viewport."""
        return self.page.locator(f'.viewport[data-kind="{kind}"] .surface').first

    def grey_pixels(self) -> int:
        """Pixels of the screen picture inside the viewports that are grey and not dark."""
        return sum(1 for r, g, b in self._pixels() if r > 60 and abs(r - g) < 6 and abs(r - b) < 6)

    def coloured_pixels(self) -> int:
        """Pixels whose channels differ clearly."""
        return sum(1 for r, g, b in self._pixels() if max(r, g, b) - min(r, g, b) > 40)

    def _pixels(self) -> Any:
        """Pixels of all viewports, a third of them in each direction."""
        import io

        import numpy as np
        from PIL import Image

        picture = self.page.locator("canvas").first.screenshot()
        array = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))[::3, ::3]
        return array.reshape(-1, 3).astype(int).tolist()

    def status(self) -> str:
        """World, voxel and value in the status bar."""
        return re.sub(r"\s+", " ", self.page.get_by_test_id("viewer-status").inner_text())

    def wait_state(self, look: Any, what: str) -> dict[str, Any]:
        """Wait for a state of the viewer."""

        def asked() -> dict[str, Any] | None:
            state = self.state()
            return state if look(state) else None

        return wait_until(asked, what, within_s=30, show=self.state)
