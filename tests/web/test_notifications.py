"""The bell: a batch that fails rings it at once, and leads to what it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.outside import Receiver, receiver
from tests.support.service import Service
from tests.web.conftest import fill
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, hook: Receiver) -> Iterator[Service]:
    """A service of its own, with a webhook: what rings here would be in other tests' way."""
    root = tmp_path_factory.mktemp("bell")
    running = Service(root / "data", {"NORA__NOTIFICATIONS__WEBHOOK_URL": hook.url}).start()
    try:
        fill(running, root)
        yield running
    finally:
        running.stop()


def run(service: Service, code: str, name: str) -> str:
    """Start a batch on the one study; gives its key."""
    (study,) = service.items("/projects/default/studies")
    job = {"name": "step", "language": "bash", "code": code, "args": []}
    body = {"project": "default", "name": name, "level": "study", "jobs": [job]}
    return str(service.post("/batches", {**body, "targets": [study["psid"]]})["key"])


def test_a_batch_that_fails_rings_the_bell_and_is_a_click_away(
    desktop: Desktop, service: Service
) -> None:
    page = desktop.page
    expect(page.get_by_role("link", name="Notifications: nothing new")).to_be_visible()
    key = run(service, "exit 3", "Bad day")
    page.get_by_role("link", name="1 new notification").click(timeout=60_000)
    page.wait_for_url(re.compile("/notifications"))
    row = page.get_by_role("listitem").filter(has_text="Batch “Bad day”: 1 of 1 job failed")
    expect(row.get_by_label("Error")).to_be_visible()
    row.get_by_role("link").click()
    page.wait_for_url(re.compile(f"/jobs\\?.*batch={key}"))
    expect(page.get_by_role("link", name="Notifications: nothing new")).to_be_visible()


def test_they_are_marked_read_and_unread_with_the_keyboard(
    desktop: Desktop, service: Service
) -> None:
    run(service, "true", "Good day")
    page = desktop.go("/notifications?tab=unread").page
    row = page.get_by_role("listitem").filter(has_text="Batch “Good day” is done")
    row.wait_for(timeout=60_000)
    row.get_by_role("button", name="Mark as read").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("You have read everything")).to_be_visible()
    page.get_by_role("tab", name="All").click()
    row.get_by_role("button", name="Mark as unread").click()
    expect(page.get_by_role("tab", name=re.compile("Unread ?1"))).to_be_visible()
    page.get_by_role("button", name="Mark all read").click()
    expect(page.get_by_role("button", name="Mark all read")).to_be_disabled()
    assert service.get("/notifications/unread") == {"unread": 0}


def test_what_is_chosen_is_kept_and_a_channel_is_tested(
    desktop: Desktop, service: Service, hook: Receiver
) -> None:
    page = desktop.go("/notifications?tab=wishes").page
    box = page.get_by_role("checkbox", name="An arrival is in: Webhook")
    box.check()
    expect(page.get_by_text("Saved").first).to_be_visible()
    expect(page.get_by_role("checkbox", name="An arrival is in: E-mail")).to_be_disabled()
    page.get_by_role("textbox", name="E-mail address").fill("owner@lab.example")
    page.get_by_role("button", name="Save address").click()
    expect(page.get_by_role("button", name="Save address")).to_be_disabled()
    page.get_by_role("button", name="Send a test: Webhook").click()
    expect(page.get_by_text("Accepted for the webhook.")).to_be_visible()
    assert len(hook.got) == 1
    wishes: dict[str, Any] = service.get("/notifications/preferences")
    chosen = {one["kind"]: one["channels"] for one in wishes["kinds"] if one["chosen"]}
    assert chosen == {"import_done": ["webhook"]}
    assert wishes["email"] == "owner@lab.example"
    page.reload()
    expect(box).to_be_checked()
    page.get_by_role("button", name="Back to the usual").click()
    expect(box).not_to_be_checked()


def test_the_screen_is_asked_for_only_when_it_is_switched_on(
    desktop: Desktop, service: Service
) -> None:
    page = desktop.page
    page.add_init_script(
        """
        window.asked = 0; window.shown = [];
        window.Notification = class {
          static permission = "default";
          static requestPermission() {
            window.asked += 1; Notification.permission = "granted";
            return Promise.resolve("granted");
          }
          constructor(title, options) { window.shown.push([title, options.body]); }
          close() {}
        };
        document.hasFocus = () => false;
        """
    )
    desktop.go("/notifications?tab=wishes")
    box = page.get_by_role("checkbox", name="Show them on the screen, too")
    expect(box).not_to_be_checked()
    assert page.evaluate("window.asked") == 0
    box.check()
    assert page.evaluate("window.asked") == 1
    run(service, "exit 1", "On the screen")
    page.wait_for_function("() => window.shown.length > 0", timeout=60_000)
    title, text = page.evaluate("window.shown[0]")
    assert title == "Batch “On the screen”: 1 of 1 job failed"
    assert "Project default." in text
    box.uncheck()
