"""E-mail and webhook: what is sent, tried again, given up, and never sent."""

from __future__ import annotations

import json
from contextlib import contextmanager

import msgspec
import pytest

from appliance.catalog import change_user, create_user, ensure_project
from appliance.core import (
    Conflict,
    NotificationSettings,
    PeerError,
    Settings,
    SettingsError,
    iso,
)
from appliance.jobs import Queue
from appliance.upkeep import CheckContext, Notifications, Profile, Upkeep, check_titles
from appliance.upkeep.checks.notifications import NotificationsCheck
from appliance.upkeep.notifications.outside import GivenUp, Message, send
from appliance.upkeep.notifications.people import save_profile
from appliance.upkeep.notifications.webhook import signature
from tests.support.outside import certificate, mail_server, receiver
from tests.support.waiting import wait_until

SECRET = "a secret of the receiver"
MESSAGE = Message(
    key="k1",
    kind="batch_done",
    level="info",
    title="Batch “Nö” is done",
    text="3 done. Project p.",
    link="http://nora/jobs",
    n=1,
    project="p",
    user="owner",
    to="owner@lab.example",
    at=1_700_000_000_000,
)


def settings_of(box=None, hook=None, **more):
    """Settings for a mail server and a receiver of a test; all waits are short."""
    values = {"digest_s": 0.0, "retry_s": 0.05, "timeout_s": 10.0, "calm_minutes": 0.0}
    if box is not None:
        values |= {"smtp_host": "127.0.0.1", "smtp_port": box.port}
        values |= {"smtp_sender": "NORA <nora@lab.example>", "smtp_security": "plain"}
    if hook is not None:
        values |= {"webhook_url": hook.url, "webhook_secret": SECRET}
    return NotificationSettings(**{**values, **more})


@contextmanager
def working(site, settings, *, email="owner@lab.example"):
    """Notifications at work, for an owner who wants all of rules by e-mail and webhook."""
    wants = Profile(email=email, choices={"autorule_failed": ["email", "webhook"]})

    def prepare(tx):
        ensure_project(tx, "p")
        save_profile(tx, 1, wants)

    site.catalog.write(prepare)
    queue = Queue(site.folder.queue_path)
    room = Notifications(
        site.catalog,
        queue,
        Settings(notifications=settings),
        titles=check_titles(),
        url="http://nora",
    )
    queue.start()
    room.start()
    try:
        yield room
    finally:
        room.stop()
        queue.stop()


def fail_rule(site, rule="r", n=1):
    facts = {"rule": rule, "owner": "owner", "n": n}
    site.catalog.write(lambda tx: tx.event("autorule.failed", project="p", **facts))


def deliveries(site, state=None):
    with site.catalog.read() as con:
        rows = con.execute("SELECT * FROM notification_deliveries ORDER BY id").fetchall()
    return [row for row in rows if state in (None, row["state"])]


def settled(site, n=1):
    return wait_until(
        lambda: len(rows := deliveries(site)) >= n and all(r["state"] != "waiting" for r in rows),
        "all deliveries came to an end",
        show=lambda: [dict(row) for row in deliveries(site)],
    )


def test_an_email_says_what_where_and_why_it_came():
    with mail_server() as box:
        send(settings_of(box), "email", MESSAGE)
    ((to, mail),) = box.mails
    assert to == ["owner@lab.example"]
    assert mail["Subject"] == "[NORA] Batch “Nö” is done"
    assert (mail["From"], mail["Message-ID"]) == ("NORA <nora@lab.example>", "<k1@lab.example>")
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_content()
    assert "3 done. Project p." in text
    assert "http://nora/jobs" in text


def test_a_title_with_a_line_end_cannot_make_a_header():
    evil = msgspec.structs.replace(MESSAGE, title="a\nBcc: other@lab.example")
    with mail_server() as box:
        send(settings_of(box), "email", evil)
    ((to, mail),) = box.mails
    assert to == ["owner@lab.example"]
    assert mail["Bcc"] is None


def test_starttls_with_a_login_needs_a_certificate_that_can_be_checked(tmp_path, monkeypatch):
    pem = certificate(tmp_path)
    password = tmp_path / "password"
    password.write_text("s3cret\n")
    password.chmod(0o600)
    secure = {"smtp_security": "starttls", "smtp_user": "nora"}
    with mail_server(login=("nora", "s3cret"), pem=pem) as box:
        settings = settings_of(box, **secure, smtp_password_file=str(password))
        with pytest.raises(PeerError, match="could not be used"):
            send(settings, "email", MESSAGE)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        send(settings, "email", MESSAGE)
        assert box.secured == [True]
        wrong = settings_of(box, **secure, smtp_password="other")
        with pytest.raises(GivenUp, match="535"):
            send(wrong, "email", MESSAGE)
    assert len(box.mails) == 1


def test_a_password_is_not_sent_in_the_open_nor_read_from_an_open_file(tmp_path):
    base = {"smtp_host": "mail.example", "smtp_sender": "a@b", "smtp_user": "u"}
    with pytest.raises(SettingsError, match="in the open"):
        send(NotificationSettings(**base, smtp_security="plain"), "email", MESSAGE)
    shared = tmp_path / "password"
    shared.write_text("x")
    shared.chmod(0o644)
    with pytest.raises(SettingsError, match="others may read"):
        send(NotificationSettings(**base, smtp_password_file=str(shared)), "email", MESSAGE)
    with pytest.raises(SettingsError, match="no address"):
        send(NotificationSettings(smtp_host="mail.example"), "email", MESSAGE)


def test_a_webhook_is_signed_json_that_names_no_address():
    with receiver() as hook:
        send(settings_of(hook=hook), "webhook", MESSAGE)
    ((path, headers, body),) = hook.got
    assert path == "/hook"
    assert headers["x-nora-signature"] == signature(SECRET, headers["x-nora-timestamp"], body)
    assert headers["x-nora-delivery"] == "k1"
    told = json.loads(body)
    assert told == {
        "version": 1,
        "key": "k1",
        "kind": "batch_done",
        "level": "info",
        "title": MESSAGE.title,
        "text": MESSAGE.text,
        "link": MESSAGE.link,
        "n": 1,
        "project": "p",
        "user": "owner",
        "at": iso(MESSAGE.at),
    }


def test_a_redirect_is_followed_on_the_same_host_only():
    with receiver("/other", 204) as hook:
        send(settings_of(hook=hook), "webhook", MESSAGE)
        assert [path for path, *_ in hook.got] == ["/hook", "/other"]
    with receiver() as elsewhere, receiver(elsewhere.url) as hook:
        with pytest.raises(GivenUp, match="another host"):
            send(settings_of(hook=hook), "webhook", MESSAGE)
        assert elsewhere.got == []
    with receiver("/round") as hook, pytest.raises(GivenUp, match="too often"):
        send(settings_of(hook=hook), "webhook", MESSAGE)


@pytest.mark.parametrize("url", ["ftp://h/x", "http://", "http://u:p@h/", "no", "http://h:port/"])
def test_an_url_that_cannot_be_used_is_said(url):
    with pytest.raises(SettingsError, match="webhook_url"):
        send(NotificationSettings(webhook_url=url), "webhook", MESSAGE)


def test_a_receiver_that_fails_twice_gets_the_same_delivery_until_it_accepts(site):
    with receiver(503, 500, 204) as hook, working(site, settings_of(hook=hook)):
        fail_rule(site)
        settled(site)
    assert len(hook.got) == 3
    assert len({headers["x-nora-delivery"] for _, headers, _ in hook.got}) == 1
    assert len({body for *_, body in hook.got}) == 1
    ((row),) = deliveries(site)
    assert (row["state"], row["attempts"]) == ("sent", 3)


def test_what_is_refused_for_good_is_given_up_at_once_and_what_never_answers_after_some(site):
    with receiver(404) as hook, working(site, settings_of(hook=hook)):
        fail_rule(site)
        settled(site)
        assert len(hook.got) == 1
        hook.answers[:] = [503]
    settings = settings_of(hook=hook, attempts=3)  # nobody listens there any more
    with working(site, settings):
        fail_rule(site, "other")
        settled(site, 2)
    refused, silent = deliveries(site, "failed")
    assert "404" in refused["why"]
    assert silent["attempts"] == 3
    assert "given up after 3 attempts" in silent["why"]


def test_what_happens_while_a_message_waits_is_in_it(site):
    with mail_server() as box:
        slow = settings_of(box, digest_s=3600.0)
        with working(site, slow) as room:
            for n in range(5):
                fail_rule(site, n=n + 1)
                room.notifier.look()
            (row,) = deliveries(site, "waiting")
            site.catalog.write(
                lambda tx: tx.con.execute("UPDATE notification_deliveries SET due_at = 0")
            )
            site.catalog.write(lambda tx: tx.event("notification.due"))
            settled(site)
    ((_, mail),) = box.mails
    assert "For 15 studies or subjects." in mail.get_content()
    assert deliveries(site)[0]["key"] == row["key"]


def test_two_messages_about_the_same_keep_a_distance(site):
    with mail_server() as box, working(site, settings_of(box, calm_minutes=60.0)):
        wants = Profile(email="o@lab", choices={"autorule_failed": ["browser", "email"]})
        site.catalog.write(lambda tx: save_profile(tx, 1, wants))
        fail_rule(site)
        settled(site)
        fail_rule(site)
        (row,) = wait_until(lambda: deliveries(site, "waiting"), "the second waits")
        assert row["due_at"] > deliveries(site, "sent")[0]["updated_at"] + 59 * 60_000
    assert len(box.mails) == 1


def test_what_is_shown_nowhere_begins_anew_with_each_message(site):
    with mail_server() as box, working(site, settings_of(box)):
        for n in (1, 2):
            fail_rule(site)
            settled(site, n)
    texts = [mail.get_content() for _, mail in box.mails]
    assert all("For 1 study or subject." in text for text in texts)
    assert len(texts) == 2


def test_nothing_is_sent_to_who_is_disabled_or_has_no_address(site):
    site.catalog.write(lambda tx: create_user(tx, "boss", is_admin=True, actor="o"))
    with mail_server() as box, receiver() as hook:
        slow = settings_of(box, hook, digest_s=3600.0)
        with working(site, slow, email="") as room:
            wants = Profile(email="boss@lab", choices={"autorule_failed": ["email"]})
            site.catalog.write(lambda tx: save_profile(tx, 2, wants))
            fail_rule(site)
            room.notifier.look()
            assert [row["channel"] for row in deliveries(site)] == ["webhook", "email"]
            site.catalog.write(lambda tx: change_user(tx, 2, disabled=True, actor="o"))
            site.catalog.write(
                lambda tx: tx.con.execute("UPDATE notification_deliveries SET due_at = 0")
            )
            site.catalog.write(lambda tx: tx.event("notification.due"))
            settled(site, 2)
    assert box.mails == []
    assert len(hook.got) == 1
    (dropped,) = deliveries(site, "dropped")
    assert dropped["why"] == "the user is disabled"


def test_without_settings_nothing_leaves_and_nothing_waits(site):
    with working(site, NotificationSettings(digest_s=0.0)) as room:
        fail_rule(site)
        room.notifier.look()
        assert deliveries(site) == []
        with pytest.raises(Conflict, match="email is off"):
            room.test("email", 1)
        assert [info.state for info in room.channels()] == ["off", "off"]


def test_a_test_says_where_it_went_or_why_not(site):
    with (
        mail_server() as box,
        receiver(503, 204) as hook,
        working(site, settings_of(box, hook)) as room,
    ):
        assert room.test("email", 1) == "Accepted for owner@lab.example."
        with pytest.raises(PeerError, match="503"):
            room.test("webhook", 1)
        assert room.test("webhook", 1) == "Accepted for the webhook."
        box.refuse = "550 no such user"
        with pytest.raises(GivenUp, match="no such user"):
            room.test("email", 1)
    assert box.mails[0][1]["Subject"] == "[NORA] A test of the notifications"


def test_health_warns_of_what_was_given_up_until_something_gets_through(site):
    check = NotificationsCheck()
    plain = CheckContext(settings=Settings(), folder=site.folder, catalog=site.catalog)
    assert check.run(plain).level == "ok"
    with receiver(404, 404, 204) as hook:
        settings = settings_of(hook=hook)
        ctx = CheckContext(
            settings=Settings(notifications=settings), folder=site.folder, catalog=site.catalog
        )
        with working(site, settings):
            assert check.run(ctx).level == "ok"
            fail_rule(site)
            settled(site)
            found = check.run(ctx)
            assert (found.level, found.fix.id) == ("warning", "notifications-again")
            assert "webhook: 1 given up" in found.text
            assert "404" in found.text
            done = Upkeep(ctx, []).fix("notifications-again")
            assert done == "1 delivery is tried again"
            wait_until(lambda: len(hook.got) == 2, "it is tried again")
            settled(site)
            Upkeep(ctx, []).fix("notifications-again")
            wait_until(lambda: deliveries(site, "sent"), "it gets through")
            assert check.run(ctx).level == "ok"
    bad = Settings(notifications=NotificationSettings(webhook_url="nowhere"))
    wrong = CheckContext(settings=bad, folder=site.folder, catalog=site.catalog)
    assert check.run(wrong).level == "warning"


def test_secrets_stand_in_no_list_of_settings():
    values = Settings(notifications=settings_of(smtp_password="geheim", webhook_secret="auch"))
    shown = json.dumps(values.shown_values())
    assert "geheim" not in shown
    assert "auch" not in shown
    assert values.shown_values()["notifications.smtp_password"] == "(set)"
    assert values.shown_values()["notifications.smtp_host"] == ""
