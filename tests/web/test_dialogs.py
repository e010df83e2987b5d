"""Every dialog by keyboard alone: Tab stays inside, Escape closes, the focus comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest

from tests.support.service import Service
from tests.web.conftest import fill
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]

_INSIDE = """() => {
    const open = [...document.querySelectorAll('dialog[open]')].at(-1);
    const at = document.activeElement;
    return { inside: open.contains(at), what: at.outerHTML.slice(0, 120),
             id: [...open.querySelectorAll('*')].indexOf(at) };
}"""
_HOLDER = "node => node === document.activeElement"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of its own, with a token to revoke."""
    root = tmp_path_factory.mktemp("dialogs")
    running = Service(root / "data").start()
    try:
        fill(running, root)
        running.post("/profile/tokens", {"name": "node", "rights": ["reader"]})
        yield running
    finally:
        running.stop()


def row_menu(item: str) -> Callable[[Desktop], None]:
    """Open a dialog by the menu of the first study's row."""

    def opening(desktop: Desktop) -> None:
        desktop.rows().first.click()
        desktop.rows().first.click(button="right")
        desktop.page.get_by_role("menuitem", name=re.compile(item)).click()

    return opening


def table_menu(item: str) -> Callable[[Desktop], None]:
    """Open a dialog by a menu above the table."""

    def opening(desktop: Desktop) -> None:
        buttons = desktop.page.locator(".table [aria-haspopup=menu]")
        for n in range(buttons.count()):
            buttons.nth(n).click()
            found = desktop.page.get_by_role("menuitem", name=re.compile(item))
            if found.count():
                found.first.click()
                return
            desktop.page.keyboard.press("Escape")
        raise AssertionError(f"no menu of the table holds {item}")

    return opening


def key(keys: str) -> Callable[[Desktop], None]:
    """Open a dialog by a key."""

    def opening(desktop: Desktop) -> None:
        desktop.page.get_by_role("link", name="Manual").focus()
        desktop.page.keyboard.press(keys)

    return opening


def new_project(desktop: Desktop) -> None:
    desktop.page.locator("header .project").click()
    desktop.page.get_by_role("menuitem", name="New project").click()


def save_batch(desktop: Desktop) -> None:
    desktop.go("/batch")
    desktop.page.get_by_role("button", name="Add job").first.click()
    desktop.page.get_by_role("menuitem", name="BASH script").click()
    desktop.page.get_by_role("button", name="Saved…").click()
    desktop.page.get_by_label("Keep this batch as").wait_for()


def revoke(desktop: Desktop) -> None:
    desktop.go("/settings")
    desktop.page.get_by_role("button", name="Revoke").first.click()


DIALOGS: dict[str, Callable[[Desktop], None]] = {
    "keys": key("?"),
    "palette": key("Control+k"),
    "new project": new_project,
    "save batch": save_batch,
    "revoke token": revoke,
    "tags": row_menu("Tags…"),
    "rename": row_menu("Rename…"),
    "identity": row_menu("Show who this is"),
    "columns": table_menu("Columns…"),
    "views": table_menu("Saved views…"),
    "export": table_menu("Save as CSV…"),
    "settings": table_menu("Table settings…"),
}


@pytest.mark.parametrize("name", DIALOGS)
def test_a_dialog_holds_the_focus_and_gives_it_back(desktop: Desktop, name: str) -> None:
    page = desktop.page
    desktop.rows().first.wait_for()
    DIALOGS[name](desktop)
    dialog = page.locator("dialog[open]")
    dialog.wait_for()
    assert dialog.get_attribute("aria-label")
    page.locator("dialog[open] .skeleton").wait_for(state="detached")
    seen: list[int] = []
    for keys in ["Tab"] * 14 + ["Shift+Tab"] * 14:
        found = page.evaluate(_INSIDE)
        assert found["inside"], f"{keys} left the dialog for {json.dumps(found)}"
        seen.append(found["id"])
        page.keyboard.press(keys)
    assert len(set(seen)) > 1 or name in ("palette", "identity"), "Tab goes nowhere"
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert page.evaluate("document.activeElement !== document.body"), "the focus is lost"
