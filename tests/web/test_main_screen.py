"""From the login link to values under the crosshair, in a real browser."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from tests.support.browser import Watched
from tests.support.samples import OBLIQUE, blob
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.conftest import SHAPE
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]

IMAGE = "t1_mprage_3/s001.nii"


def expected_value(world: list[float]) -> float | None:
    """What the made series holds at a point of the world."""
    data = blob(SHAPE)
    at = np.round(nib.affines.apply_affine(np.linalg.inv(OBLIQUE), world)).astype(int)
    inside = (at >= 0).all() and (at < data.shape).all()
    return float(data[tuple(at)]) if inside else None


def test_the_printed_link_logs_in_once_and_shows_the_study(
    watched: Watched, service: Service
) -> None:
    page = watched.page
    page.goto(service.login_link())
    page.wait_for_url(f"{service.url}/")
    row = page.get_by_role("treeitem").first
    row.wait_for()
    assert service.items("/projects/default/studies")[0]["pid"] in row.inner_text()
    assert "#" not in page.url
    assert "DEMO" not in page.inner_text("body")


def test_without_a_session_the_page_asks_for_a_link(watched: Watched, service: Service) -> None:
    watched.page.goto(service.url)
    watched.page.get_by_role("textbox").first.wait_for()
    assert "nora login" in watched.page.inner_text("body")
    watched.errors[:] = [error for error in watched.errors if "401" not in error]


def test_VIEW_01_VIEW_03_a_double_click_draws_the_image(desktop: Desktop) -> None:
    desktop.open_file(IMAGE)
    desktop.drawn()
    assert desktop.grey_pixels() > 500
    assert len(desktop.state()["layers"]) == 1


def test_the_value_under_the_crosshair_is_the_stored_one(desktop: Desktop) -> None:
    desktop.open_file(IMAGE)
    desktop.drawn()
    box = desktop.viewport().bounding_box()
    assert box is not None
    for x, y in ((0.5, 0.5), (0.42, 0.55), (0.6, 0.45)):
        desktop.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        state = desktop.state()
        value = expected_value(state["crosshair"])
        assert value is not None
        assert state["readouts"][0]["value"] == value


def test_the_crosshair_is_one_place_in_all_viewports(desktop: Desktop) -> None:
    desktop.open_file(IMAGE)
    desktop.drawn()
    before = desktop.state()["crosshair"]
    box = desktop.viewport("coronal").bounding_box()
    assert box is not None
    desktop.page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"])
    after = desktop.wait_state(lambda s: s["crosshair"] != before, "the crosshair moved")
    marks = desktop.page.locator(".viewport .text").all_inner_texts()
    assert len(marks) >= 3
    assert after["readouts"][0]["value"] == expected_value(after["crosshair"])


def test_the_wheel_goes_through_the_slices(desktop: Desktop) -> None:
    desktop.open_file(IMAGE)
    desktop.drawn()
    box = desktop.viewport().bounding_box()
    assert box is not None
    before = desktop.state()["crosshair"]
    desktop.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    desktop.page.mouse.wheel(0, 100)
    desktop.wait_state(lambda s: s["crosshair"] != before, "another slice")


def test_a_label_map_lies_over_the_image_at_its_own_place(desktop: Desktop) -> None:
    desktop.open_file(IMAGE)
    desktop.drawn()
    plain = desktop.coloured_pixels()
    desktop.open_file("brain_labels")
    desktop.drawn(2)
    state = desktop.wait_state(lambda s: len(s["readouts"]) == 2, "two values")
    assert len(state["layers"]) == 2
    assert state["readouts"][1]["value"] == 1
    wait_until(lambda: desktop.coloured_pixels() > plain + 300, "a tinted region", within_s=20)


def test_the_filter_finds_files_and_is_in_the_address(desktop: Desktop) -> None:
    desktop.page.get_by_role("tab", name="Files").click()
    desktop.page.locator("#file-search").fill("*labels*")
    wait_until(lambda: desktop.rows().count() == 1, "one row")
    desktop.page.wait_for_function("() => location.search.includes('labels')")
    desktop.page.reload()
    desktop.ready()
    wait_until(lambda: desktop.rows().count() == 1, "one row after the reload")


def test_the_keyboard_opens_a_file(desktop: Desktop) -> None:
    tree = desktop.page.get_by_role("tree")
    desktop.rows().first.wait_for()
    tree.focus()
    desktop.page.keyboard.press("ArrowRight")
    desktop.find_row(IMAGE)
    wanted = desktop.row_of(IMAGE).first.get_attribute("id")
    for _ in range(400):  # other tests may have added files before it
        if tree.get_attribute("aria-activedescendant") == wanted:
            break
        desktop.page.keyboard.press("ArrowDown")
    assert tree.get_attribute("aria-activedescendant") == wanted
    desktop.page.keyboard.press("Enter")
    desktop.drawn()


def test_the_key_map_opens_and_closes(desktop: Desktop) -> None:
    desktop.page.keyboard.press("?")
    dialog = desktop.page.get_by_role("dialog")
    dialog.wait_for()
    desktop.page.keyboard.press("Escape")
    wait_until(lambda: dialog.count() == 0, "the dialog is closed")
