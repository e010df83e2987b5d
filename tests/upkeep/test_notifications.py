"""Notifications out of events: whom they reach, how many become one, and each event once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from appliance.catalog import Grant, create_user, ensure_project, set_grant
from appliance.core import Invalid, NotificationSettings, Settings, new_key, now_ms
from appliance.jobs import Queue, State
from appliance.jobs.states import transition
from appliance.upkeep import (
    SQL_VIEWS,
    CheckContext,
    CheckResult,
    Notifications,
    Profile,
    Upkeep,
    check_titles,
    list_notifications,
    mark_read,
    save_profile,
    unread_count,
)
from appliance.upkeep.checks import BaseCheck

ENDS = {"done": State.DONE, "failed": State.FAILED}


@dataclass
class Desk:
    """A catalog with users, batches and the thing that looks at its events."""

    site: object
    room: Notifications
    ids: dict[str, int] = field(default_factory=dict)

    @property
    def write(self):
        return self.site.catalog.write

    def user(self, login, *, project="p", **grant):
        def make(tx):
            user = create_user(tx, login, actor="owner").id
            if grant:
                set_grant(tx, login, ensure_project(tx, project).id, Grant(**grant), actor="o")
            return user

        self.ids[login] = self.write(make)
        return self.ids[login]

    def batch(self, n_jobs=1, *, actor="owner", project="p", name="N4", **columns):
        """A batch with queued jobs; gives its key and the ids of the jobs."""
        extra = {"on_error": "break", "notify": 0, **columns}

        def make(tx):
            key, now, found = new_key(), now_ms(), ensure_project(tx, project)
            batch = tx.con.execute(
                "INSERT INTO batch (key, project_id, name, level, spec, spec_sha256, queue, actor,"
                " created_at) VALUES (?, ?, ?, 'study', '{}', '', 'q', ?, ?)",
                (key, found.id, name, actor, now),
            ).lastrowid
            jobs = [
                tx.con.execute(
                    "INSERT INTO job (key, batch_id, project_id, project, chain_key, seq, psid,"
                    " targets, name, spec, queue, state, cpus, memory_mb, gpus, on_error, notify,"
                    " created_at, queued_at, updated_at) VALUES (?, ?, ?, ?, 'c', 1, ?, '[]',"
                    " 'seg', '{}', 'q', 'queued', 1, 1, 0, ?, ?, ?, ?, ?)",
                    (
                        *(new_key(), batch, found.id, project, f"S-{n:04d}#2024"),
                        *(extra["on_error"], extra["notify"], now, now, now),
                    ),
                ).lastrowid
                for n in range(n_jobs)
            ]
            tx.event("batch.changed", key=key, project=project)
            return key, jobs

        return self.write(make)

    def end(self, jobs, how="done"):
        def move(tx):
            for job in jobs:
                for to in (State.STARTING, State.RUNNING, State.FINISHING, ENDS[how]):
                    transition(tx, job, to)

        self.write(move)

    def tell(self, topic, **data):
        self.write(lambda tx: tx.event(topic, **data))

    def look(self):
        self.room.notifier.look()

    def titles(self, login="owner", *, unread=False, projects=None):
        with self.site.catalog.read() as con:
            user = self.ids.get(login, 1)
            found = list_notifications(con, user, projects, unread=unread)
            return [one.title for one in found.items]

    def rows(self, login="owner"):
        with self.site.catalog.read() as con:
            return list_notifications(con, self.ids.get(login, 1), None).items

    def read_all(self, login="owner"):
        self.write(lambda tx: mark_read(tx, self.ids.get(login, 1), None))

    def again(self):
        """The same after the process was started anew."""
        return Desk(self.site, make_room(self.site), self.ids)


def make_room(site, **values):
    settings = Settings(notifications=NotificationSettings(**values))
    queue = Queue(site.folder.queue_path)
    return Notifications(site.catalog, queue, settings, titles=check_titles(), url="http://nora")


@pytest.fixture
def desk(site):
    site.catalog.write(lambda tx: ensure_project(tx, "p"))
    return Desk(site, make_room(site))


def test_a_batch_that_is_done_is_told_once_to_who_started_it(desk):
    desk.user("amy", readonly=False)
    desk.user("bob", readonly=False)
    key, jobs = desk.batch(3, actor="amy")
    desk.end(jobs[:2])
    desk.look()
    assert desk.titles("amy") == []
    desk.end(jobs[2:])
    desk.look()
    desk.look()
    (row,) = desk.rows("amy")
    assert (row.kind, row.level) == ("batch_done", "info")
    assert (row.title, row.text) == ("Batch “N4” is done", "3 done. Project p.")
    assert row.link == f"/jobs?project=p&batch={key}&state=all"
    assert desk.titles("bob") == desk.titles("owner") == []


def test_fifty_failures_of_a_batch_are_one_notification(desk):
    _, jobs = desk.batch(60)
    for job in jobs[:50]:
        desk.end([job], "failed")
        desk.look()
    assert desk.titles() == ["Batch “N4”: 50 jobs have failed so far"]
    desk.end(jobs[50:])
    desk.look()
    (row,) = desk.rows()
    assert row.title == "Batch “N4”: 50 of 60 jobs failed"
    assert row.text == "10 done, 50 failed. Project p."


def test_a_batch_run_again_is_told_of_again_but_not_by_events_of_before(desk):
    _, jobs = desk.batch(2)
    desk.end(jobs[:1])
    desk.end(jobs[1:], "failed")
    desk.look()
    assert desk.titles() == ["Batch “N4”: 1 of 2 jobs failed"]
    assert "Failed: “seg” of S-0001#2024." in desk.rows()[0].text
    desk.read_all()
    desk.write(lambda tx: transition(tx, jobs[1], State.QUEUED))
    desk.look()
    desk.end(jobs[1:])
    desk.look()
    assert desk.titles(unread=True) == ["Batch “N4” is done"]
    desk.read_all()
    desk.write(lambda tx: tx.con.execute("UPDATE notification_cursor SET seq = seq - 1"))
    desk.again().look()
    assert desk.titles(unread=True) == []


def test_more_events_than_one_look_takes_tell_of_an_end_once(desk):
    _, jobs = desk.batch(400)
    desk.end(jobs)
    assert desk.site.catalog.last_seq() > 1500
    desk.look()
    (row,) = desk.rows()
    assert (row.n, row.title) == (1, "Batch “N4” is done")
    with desk.site.catalog.read() as con:
        assert con.execute("SELECT count(*) FROM notification_batches").fetchone()[0] == 0


def test_failures_that_a_job_allows_and_jobs_that_were_stopped_are_no_failures(desk):
    _, jobs = desk.batch(3, on_error="ignore")
    desk.end(jobs[:1])
    desk.end(jobs[1:2], "failed")
    desk.look()
    desk.write(lambda tx: transition(tx, jobs[2], State.CANCELLED, actor="owner"))
    desk.look()
    (row,) = desk.rows()
    assert row.title == "Batch “N4” is done"
    assert row.text == "1 done, 1 failed as allowed, 1 stopped or left out. Project p."
    _, stopped = desk.batch(1)
    desk.write(lambda tx: transition(tx, stopped[0], State.CANCELLED, actor="owner"))
    desk.look()
    assert len(desk.rows()) == 1, "who stops all of a batch knows"


def test_a_bulk_action_that_ends_a_batch_is_noticed_by_the_event_of_its_project(desk):
    _, jobs = desk.batch(2)
    desk.end(jobs[:1])
    desk.look()

    def cancel(tx):
        tx.con.execute("UPDATE job SET state = 'cancelled' WHERE id = ?", (jobs[1],))
        tx.event("jobs.changed", project="p", n=1)

    desk.write(cancel)
    desk.look()
    assert desk.titles() == ["Batch “N4” is done"]


def test_BATCH_x03_a_job_that_asks_for_it_is_told_of_when_it_ends(desk):
    _, jobs = desk.batch(4, notify=1)
    desk.end(jobs[:1])
    desk.look()
    (row,) = desk.rows()
    assert (row.kind, row.title) == ("job_ended", "Job “seg” has ended")
    assert "Of S-0000#2024." in row.text
    desk.end(jobs[1:2])
    desk.end(jobs[2:3], "failed")
    desk.look()
    assert desk.titles() == [
        "Batch “N4”: 1 job has failed so far",
        "3 jobs “seg” have ended",
    ]


def test_an_arrival_that_waits_goes_to_who_manages_the_project(desk):
    desk.user("boss", role="admin")
    desk.user("member", readonly=False)
    desk.user("stranger", project="q", role="admin")
    for key in "abc":
        desk.tell("receipt.changed", key=key, state="working", project="p")
        desk.tell("receipt.changed", key=key, state="waiting", project="p")
    desk.look()
    desk.tell("receipt.changed", key="c", state="waiting", project="p")  # as it was
    desk.tell("receipt.changed", key="d", state="done", project="p")
    desk.look()
    told = ["3 arrivals wait for a decision"]
    assert desk.titles("boss") == desk.titles("owner") == told
    assert desk.titles("member") == desk.titles("stranger") == []
    assert desk.rows("boss")[0].link == "/arrivals?project=p&state=waiting"
    desk.tell("receipt.changed", key="e", state="failed", project="p")
    desk.look()
    row = desk.rows("boss")[0]
    assert (row.title, row.link) == ("An arrival failed", "/arrivals?project=p&key=e")


def test_who_may_read_a_project_can_ask_for_more_and_everybody_for_less(desk):
    member = desk.user("member", readonly=True)
    stranger = desk.user("stranger", project="q", role="admin")
    wants = Profile(choices={"import_done": ["browser"], "import_waiting": ["browser"]})
    for user in (member, stranger):
        desk.write(lambda tx, user=user: save_profile(tx, user, wants))
    desk.write(lambda tx: save_profile(tx, 1, Profile(choices={"import_waiting": []})))
    desk.tell("receipt.changed", key="a", state="waiting", project="p")
    desk.tell("receipt.changed", key="b", state="done", project="p")
    desk.look()
    assert sorted(desk.titles("member")) == ["An arrival is in", "An arrival waits for a decision"]
    assert desk.titles("stranger") == desk.titles("owner") == []


def test_a_user_who_lost_a_project_no_longer_sees_what_was_told_of_it(desk):
    desk.user("amy", readonly=False)
    _, jobs = desk.batch(1, actor="amy")
    desk.end(jobs)
    desk.look()
    with desk.site.catalog.read() as con:
        assert unread_count(con, desk.ids["amy"], {1}) == 1
        assert unread_count(con, desk.ids["amy"], set()) == 0
        assert list_notifications(con, desk.ids["amy"], set()).items == []


def test_of_an_identified_project_counts_are_told_and_no_names(desk):
    policy = json.dumps({"identified": True})
    desk.write(lambda tx: tx.con.execute("UPDATE projects SET policy = ?", (policy,)))
    _, jobs = desk.batch(2, name="Mueller again", notify=1)
    desk.end(jobs[:1], "failed")
    desk.look()
    desk.end(jobs[1:])
    desk.tell("autorule.failed", project="p", rule="for Mueller", owner="owner", n=2)
    desk.look()
    told = " ".join(f"{row.title} {row.text}" for row in desk.rows())
    assert "1 of 2 jobs failed" in told
    assert not any(name in told for name in ("Mueller", "S-0", "seg"))


def test_a_rule_that_failed_goes_to_its_owner_and_to_who_manages_the_project(desk):
    desk.user("amy", readonly=False)
    desk.user("boss", role="admin")
    desk.user("other", readonly=False)
    desk.tell("autorule.failed", project="p", rule="nightly", owner="amy", n=2)
    desk.look()
    told = ["Rule “nightly” could not start its batch"]
    assert desk.titles("amy") == desk.titles("boss") == told
    assert desk.titles("other") == []


def test_GEN_06_series_that_deviate_from_the_protocol_go_to_who_manages_the_project(desk):
    desk.user("boss", role="admin")
    desk.user("other", readonly=False)
    for _ in range(2):
        desk.tell("protocol.deviates", project="p", n=1)
    desk.look()
    assert desk.titles("boss") == ["2 series deviate from the protocol"]
    desk.tell("protocol.deviates", project="p", n=1)
    desk.look()
    assert desk.titles("boss") == ["3 series deviate from the protocol"]
    assert desk.titles("other") == []


def test_GEN_06_series_that_the_protocol_misses_are_told_to_who_manages_the_project(desk):
    desk.user("boss", role="admin")
    desk.user("other", readonly=False)
    desk.tell("protocol.missing", project="p", psid="S-0001#1", series=["t2 tse"])
    desk.look()
    assert desk.titles("boss") == ["1 series of the protocol is missing"]
    desk.tell("protocol.missing", project="p", psid="S-0002#1", series=["t2 tse", "flair"])
    desk.look()
    assert desk.titles("boss") == ["3 series of the protocol are missing"]
    assert desk.titles("other") == []


class Moody(BaseCheck):
    """A check that finds what it is told to."""

    id, title = "disk", "Disk space"
    level = "ok"

    def run(self, ctx):
        return CheckResult(self.level, "text")


def test_checks_that_become_worse_are_told_to_administrators_once(desk, site):
    desk.user("amy", role="admin")
    moody = Moody()
    ctx = CheckContext(
        settings=Settings(), folder=site.folder, catalog=site.catalog, probes={"queue": str}
    )

    def find(level):
        moody.level = level
        Upkeep(ctx, [moody]).health()
        desk.look()
        return desk.titles(unread=True)

    assert find("warning") == [], "what was so at the very begin is no news"
    assert find("error") == ["Disk space: error"]
    assert desk.rows()[0].kind == "disk_low"
    assert find("error") == ["Disk space: error"]
    desk.read_all()
    assert find("error") == find("warning") == find("ok") == []
    assert find("warning") == ["Disk space: warning"]
    assert desk.titles("amy") == []


def test_health_looked_at_without_the_running_parts_is_no_news(desk, site):
    moody = Moody()
    moody.level = "error"
    Upkeep(
        CheckContext(settings=Settings(), folder=site.folder, catalog=site.catalog), [moody]
    ).health()
    desk.look()
    assert desk.titles() == []


def test_a_backup_that_fails_is_told(desk, site, monkeypatch):
    ctx = CheckContext(settings=Settings(), folder=site.folder, catalog=site.catalog)

    def fail(*_, **__):
        raise OSError("no")

    monkeypatch.setattr("appliance.upkeep.health.backup", fail)
    with pytest.raises(OSError, match="no"):
        Upkeep(ctx, []).backup()
    desk.look()
    assert desk.titles() == ["A backup failed"]


def test_a_new_process_goes_on_where_the_last_one_ended(desk):
    _, jobs = desk.batch(2)
    desk.end(jobs[:1], "failed")
    desk.look()
    desk.read_all()
    desk.end(jobs[1:], "failed")  # nobody looks: the process has ended
    later = desk.again()
    later.look()
    later.again().look()
    assert desk.titles(unread=True) == ["Batch “N4”: 2 of 2 jobs failed"]
    assert len(desk.rows()) == 2


def test_a_look_that_cannot_be_written_down_is_done_again_whole(desk, monkeypatch):
    _, jobs = desk.batch(1)
    desk.end(jobs)
    target = "appliance.upkeep.notifications.notifier.tell_all"

    def die(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(target, die)
        with pytest.raises(MemoryError):
            desk.look()
    assert desk.titles() == []
    desk.look()
    assert desk.titles() == ["Batch “N4” is done"]


def test_events_that_are_gone_do_not_hide_the_end_of_a_batch(desk):
    _, jobs = desk.batch(2)
    desk.look()
    desk.end(jobs)
    desk.write(lambda tx: tx.con.execute("DELETE FROM events"))
    desk.tell("projects.changed", project="p")
    desk.look()
    assert desk.titles() == ["Batch “N4” is done"]


def test_reading_and_unreading(desk):
    for state in ("waiting", "failed"):
        desk.tell("receipt.changed", key=state, state=state, project="p")
    desk.look()
    first = desk.rows()[0].key
    assert desk.write(lambda tx: mark_read(tx, 1, [first])) == 1
    assert desk.write(lambda tx: mark_read(tx, 99, None)) == 0
    assert len(desk.titles(unread=True)) == 1
    assert desk.write(lambda tx: mark_read(tx, 1, [first], read=False)) == 1
    desk.read_all()
    assert desk.titles(unread=True) == []


def test_pages_follow_each_other(desk):
    for n in range(5):
        desk.tell("autorule.failed", project="p", rule=f"r{n}", owner="owner", n=1)
    desk.look()
    found, after = [], None
    while True:
        with desk.site.catalog.read() as con:
            page = list_notifications(con, 1, None, after=after, limit=2)
        found += [one.title for one in page.items]
        after = page.next
        if after is None:
            break
    assert len(found) == len(set(found)) == page.total == 5
    with desk.site.catalog.read() as con, pytest.raises(Invalid):
        list_notifications(con, 1, None, after="x")


@pytest.mark.parametrize("email", ["nobody", "a@", "@b", "a b@c", "a@b\nBcc: x@y", "<a@b>"])
def test_what_is_no_address_is_refused(desk, email):
    with pytest.raises(Invalid):
        desk.write(lambda tx: save_profile(tx, 1, Profile(email=email)))


def test_DB_06_noras_table_of_notifications_is_a_view(desk, site):
    from appliance.catalog import run_sql

    _, jobs = desk.batch(1)
    desk.end(jobs)
    desk.look()
    path = site.folder.catalog_path
    sql = "SELECT username, json FROM notifications"
    found = run_sql(path, sql, views=SQL_VIEWS)
    assert [(row[0], json.loads(row[1])["title"]) for row in found.rows] == [
        ("owner", "Batch “N4” is done")
    ]
    assert run_sql(path, sql, views=SQL_VIEWS, project_id=99).rows == []
