"""Every health check, well and not; repairs; and the event when health changes."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from appliance.catalog import add_source, ensure_project, set_project_state
from appliance.core import AdapterSettings, NotFound, Settings, network_kind, new_key, now_ms
from appliance.upkeep import CheckContext, CheckResult, Upkeep, backup
from appliance.upkeep.checks import BaseCheck, all_checks
from appliance.upkeep.checks.arrivals import ArrivalsCheck
from appliance.upkeep.checks.backups import BackupCheck
from appliance.upkeep.checks.bundle import BundleCheck
from appliance.upkeep.checks.clusters import ClusterCheck
from appliance.upkeep.checks.database import DatabaseCheck
from appliance.upkeep.checks.disk import DiskCheck
from appliance.upkeep.checks.isolation import IsolationCheck
from appliance.upkeep.checks.listener import ListenerCheck
from appliance.upkeep.checks.notebooks import NotebookCheck
from appliance.upkeep.checks.pushes import PushesCheck
from appliance.upkeep.checks.queue import QueueCheck
from appliance.upkeep.checks.scheduler import SchedulerCheck
from appliance.upkeep.checks.schema import SchemaCheck
from appliance.upkeep.checks.sources import SourcesCheck
from appliance.upkeep.checks.storage import StorageCheck
from appliance.upkeep.checks.watcher import WatcherCheck

GIB = 1 << 30
PARTS = ("listener", "watcher", "queue", "scheduler", "notebooks")


@pytest.fixture
def ctx(site, tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "index.html").touch()
    return CheckContext(
        settings=Settings(),
        folder=site.folder,
        catalog=site.catalog,
        probes=dict.fromkeys(PARTS, str),
        bundle=tmp_path / "bundle",
    )


def change(ctx, section, **values):
    """The same context with other settings."""
    replaced = msgspec.structs.replace(getattr(ctx.settings, section), **values)
    settings = msgspec.structs.replace(ctx.settings, **{section: replaced})
    return with_(ctx, settings=settings)


def with_(ctx, **values):
    return CheckContext(**{**vars(ctx), **values})


def usage(monkeypatch, free, total=1000 * GIB):
    found = SimpleNamespace(free=free, total=total, used=total - free)
    monkeypatch.setattr("appliance.upkeep.checks.disk.shutil.disk_usage", lambda _: found)


@pytest.mark.parametrize(
    ("free_gib", "level"), [(500, "ok"), (11, "ok"), (9, "warning"), (1, "error")]
)
def test_disk_space_is_judged_by_the_limit_and_told_with_numbers(ctx, monkeypatch, free_gib, level):
    usage(monkeypatch, free_gib * GIB)
    result = DiskCheck().run(ctx)
    assert result.level == level
    assert f"{free_gib}.0 GiB" in result.text


def test_a_lost_marker_is_an_error_that_a_person_can_settle(ctx):
    upkeep = Upkeep(ctx, [StorageCheck()])
    assert upkeep.health().status == "ok"
    (ctx.folder.projects / ".nora-storage").unlink()
    [check] = upkeep.health().checks
    assert (check.level, check.fix.id) == ("error", "mark-storage")
    assert "projects" in check.text
    upkeep.fix(check.fix.id)
    assert upkeep.health().status == "ok"


def test_the_database_check_sees_damage_and_a_log_that_grows(ctx, site, monkeypatch):
    site.add("a.nii")
    assert DatabaseCheck().run(ctx).level == "ok"
    monkeypatch.setattr("appliance.upkeep.checks.database._WAL_LIMIT_BYTES", 0)
    grown = DatabaseCheck().run(ctx)
    assert (grown.level, grown.fix.id) == ("warning", "checkpoint")
    Upkeep(ctx, []).fix("checkpoint")
    assert DatabaseCheck().run(ctx).level == "ok"
    ctx.folder.catalog_path.write_bytes(b"x" * 9000)
    assert DatabaseCheck().run(ctx).level == "error"


def test_a_catalog_of_a_newer_version_is_an_error(ctx, site):
    assert SchemaCheck().run(ctx).level == "ok"
    site.catalog.write(
        lambda tx: tx.con.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('catalog', 'm999_future', '2099')"
        )
    )
    result = SchemaCheck().run(ctx)
    assert result.level == "error"
    assert "m999_future" in result.text


@pytest.mark.parametrize(
    ("check", "part"),
    [
        (ListenerCheck(), "listener"),
        (WatcherCheck(), "watcher"),
        (QueueCheck(), "queue"),
        (SchedulerCheck(), "scheduler"),
    ],
)
def test_a_part_is_well_or_says_what_is_wrong_or_does_not_run(ctx, check, part):
    assert check.run(ctx).level == "ok"
    stuck = check.run(with_(ctx, probes={part: lambda: "stuck for 9 s"}))
    assert (stuck.level, stuck.text) == ("error", "stuck for 9 s")
    assert check.run(with_(ctx, probes={})).level == "warning"


def test_jobs_that_are_not_isolated_are_a_warning_unless_that_is_wanted(ctx):
    open_ = with_(ctx, probes={"isolation": lambda: "Jobs can read all."})
    assert IsolationCheck().run(with_(ctx, probes={"isolation": lambda: ""})).level == "ok"
    assert IsolationCheck().run(open_).level == "warning"
    off = change(open_, "jobs", sandbox="off")
    assert (IsolationCheck().run(off).level, IsolationCheck().run(off).text) == (
        "ok",
        "Jobs can read all.",
    )


def test_a_taken_port_of_notebooks_is_a_warning_for_the_rest_works(ctx):
    assert NotebookCheck().run(ctx).level == "ok"
    taken = with_(ctx, probes={"notebooks": lambda: "port 8182 is taken"})
    assert (NotebookCheck().run(taken).level, NotebookCheck().run(taken).text) == (
        "warning",
        "port 8182 is taken",
    )


def test_a_cluster_that_does_not_answer_is_a_warning_as_jobs_wait(ctx):
    assert ClusterCheck().run(ctx).level == "ok"
    jobs = msgspec.structs.replace(ctx.settings.jobs, adapters={"hpc": AdapterSettings()})
    clustered = with_(ctx, settings=msgspec.structs.replace(ctx.settings, jobs=jobs))
    well = with_(clustered, probes={"clusters": lambda: ""})
    assert (ClusterCheck().run(well).level, "hpc" in ClusterCheck().run(well).text) == ("ok", True)
    down = with_(clustered, probes={"clusters": lambda: "hpc: Slurm does not answer"})
    assert ClusterCheck().run(down).level == "warning"
    assert "does not answer" in ClusterCheck().run(down).text


def test_parts_that_are_switched_off_are_no_fault(ctx):
    bare = with_(ctx, probes={})
    assert NotebookCheck().run(change(bare, "notebooks", enabled=False)).level == "ok"
    assert ListenerCheck().run(change(bare, "dicom", enabled=False)).level == "ok"
    assert WatcherCheck().run(change(bare, "watch", enabled=False)).level == "ok"


def test_a_watched_folder_that_is_gone_is_an_error(ctx):
    ctx.folder.drop.rmdir()
    assert WatcherCheck().run(ctx).level == "error"


def test_network_disks_are_named_because_events_are_silent_there(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nhost:/x {tmp_path}/a\\040b nfs4 rw 0 0\n")
    assert network_kind(tmp_path / "a b" / "c", mounts) == "nfs4"
    assert network_kind(tmp_path, mounts) == ""
    mounts.write_text("/dev/sda / fuseblk rw 0 0\nx /mnt/s fuse.sshfs rw 0 0\n")
    assert network_kind(Path("/mnt/s/in"), mounts) == "fuse.sshfs"
    assert network_kind(Path("/home"), mounts) == "", "a local NTFS disk is no network"


@pytest.mark.parametrize(
    ("hours", "level"), [(None, "warning"), (1, "ok"), (60, "warning"), (200, "error")]
)
def test_the_age_of_the_newest_backup_counts(ctx, monkeypatch, hours, level):
    if hours is not None:
        backup(ctx.folder)
        later = now_ms() + hours * 3_600_000
        monkeypatch.setattr("appliance.upkeep.checks.backups.now_ms", lambda: later)
    result = BackupCheck().run(ctx)
    assert result.level == level
    assert (result.fix is None) == (level == "ok")


def test_a_missing_bundle_is_said(ctx, tmp_path):
    assert BundleCheck().run(ctx).level == "ok"
    assert BundleCheck().run(with_(ctx, bundle=tmp_path / "none")).level == "warning"


@pytest.mark.parametrize(
    ("states", "level"), [([], "ok"), (["done"], "ok"), (["done", "waiting"], "warning")]
)
def test_arrivals_that_need_a_person_are_counted(ctx, site, states, level):
    def receive(tx):
        project = ensure_project(tx, "p").id
        for state in states:
            tx.con.execute(
                "INSERT INTO receipts (key, project_id, kind, state, created_at, updated_at)"
                " VALUES (?, ?, 'drop', ?, 0, 0)",
                (new_key(), project, state),
            )

    site.catalog.write(receive)
    result = ArrivalsCheck().run(ctx)
    assert result.level == level
    assert ("1 wait for a decision" in result.text) is ("waiting" in states)


def test_an_arrival_that_was_dismissed_as_it_stands_warns_no_more(ctx, site):
    def receive(tx):
        project = ensure_project(tx, "p").id
        for key, state in (("r1", "failed"), ("r2", "waiting")):
            tx.con.execute(
                "INSERT INTO receipts (key, project_id, kind, state, created_at, updated_at)"
                " VALUES (?, ?, 'drop', ?, 0, 7)",
                (key, project, state),
            )
        tx.con.execute("INSERT INTO dismissed_row VALUES ('r1', 7), ('r2', 7)")

    site.catalog.write(receive)
    assert ArrivalsCheck().run(ctx).text == "Arrivals: 1 wait for a decision."
    site.catalog.write(lambda tx: tx.con.execute("UPDATE receipts SET updated_at = 8"))
    assert "1 failed" in ArrivalsCheck().run(ctx).text


def test_all_checks_run_on_a_new_data_folder(ctx):
    health = Upkeep(ctx).health()
    assert [check.id for check in health.checks] == [check.id for check in all_checks()]
    assert {check.level for check in health.checks if check.id != "backup"} == {"ok"}


class Passing(BaseCheck):
    """A finding that is gone at the second look."""

    id = "passing"
    title = "Passing"

    def __init__(self):
        self.levels = iter(["error", "ok"])

    def run(self, ctx):
        return CheckResult(next(self.levels), "now and then")


class Broken(BaseCheck):
    """A check that fails itself."""

    id = "broken"
    title = "Broken"

    def run(self, ctx):
        raise ZeroDivisionError


def test_a_finding_that_passes_by_itself_is_not_shown(ctx):
    assert Upkeep(ctx, [Passing()]).health().status == "ok"


def test_a_check_that_fails_does_not_hide_the_others(ctx):
    health = Upkeep(ctx, [Broken(), StorageCheck()]).health()
    assert [check.level for check in health.checks] == ["unknown", "ok"]
    assert health.status == "unknown"


def test_only_a_change_of_health_is_an_event(ctx, site):
    upkeep = Upkeep(ctx, [StorageCheck()])
    for _ in range(2):
        upkeep.health()
    (ctx.folder.jobs / ".nora-storage").unlink()
    for _ in range(2):
        upkeep.health()
    events = [e.data["status"] for e in site.catalog.events_since(0) if e.topic == "health.changed"]
    assert events == ["ok", "error"]


def test_a_repair_that_does_not_exist_is_named(ctx):
    with pytest.raises(NotFound, match="pray"):
        Upkeep(ctx, []).fix("pray")


def test_the_backup_repair_makes_one(ctx):
    upkeep = Upkeep(ctx, [BackupCheck()])
    upkeep.fix("backup")
    assert upkeep.health().status == "ok"
    assert len(upkeep.backups()) == 1


@pytest.fixture
def elsewhere(ctx, site, tmp_path):
    """A folder outside, one of whose files a project shows by a link."""
    root = tmp_path / "nas"
    root.mkdir()
    (root / "a.nii").write_bytes(b"theirs")
    file_id = site.add("a.nii")
    link = ctx.folder.projects / "p/S-0001/2024/a.nii"
    link.unlink()
    link.symlink_to(root / "a.nii")

    def write(tx):
        made = add_source(tx, 1, str(root), layout="pattern", mode="stay", options={})
        tx.con.execute("UPDATE files SET origin = ? WHERE id = ?", (f"source:{made.key}", file_id))

    site.catalog.write(write)
    return root


def test_a_folder_of_existing_data_that_is_away_is_told_until_it_is_back(ctx, elsewhere):
    check = SourcesCheck()
    elsewhere.rename(elsewhere.with_name("unmounted"))
    away = check.run(ctx)
    assert (away.level, str(elsewhere) in away.text, "project p" in away.text) == (
        "error",
        True,
        True,
    )
    assert "Mount" in away.hint
    elsewhere.with_name("unmounted").rename(elsewhere)
    assert check.run(ctx).level == "ok"


def test_links_that_lead_nowhere_are_counted(ctx, elsewhere):
    (elsewhere / "a.nii").unlink()  # an empty mount point is there, too
    found = SourcesCheck().run(ctx)
    assert (found.level, "1 of 1 links" in found.text) == ("error", True)


def test_a_folder_that_does_not_answer_does_not_hold_the_health_up(ctx, elsewhere, monkeypatch):
    answer = threading.Event()
    monkeypatch.setattr("appliance.upkeep.checks.sources._PATIENCE_S", 0.1)
    monkeypatch.setattr(
        "appliance.upkeep.checks.sources._look_at", lambda *_: str(answer.wait(60) or "")
    )
    try:
        assert "does not answer" in SourcesCheck().run(ctx).text
    finally:
        answer.set()


def test_folders_of_projects_in_the_trash_are_nobodys_worry(ctx, site, elsewhere):
    elsewhere.rename(elsewhere.with_name("unmounted"))
    site.catalog.write(lambda tx: set_project_state(tx, "p", "trashed", actor="me"))
    assert SourcesCheck().run(ctx).level == "ok"


def test_what_could_not_be_sent_is_counted_by_archive(ctx):
    def put(tx):
        project = ensure_project(tx, "default").id
        for n, (node, state) in enumerate(
            [("main", "failed"), ("main", "partial"), ("web", "done"), ("web", "cancelled")]
        ):
            tx.con.execute(
                "INSERT INTO pacs_pushes (key, batch, project_id, node, actor, kind, pid, psid,"
                " study_uid, what, n_objects, state, due_at, created_at, updated_at)"
                " VALUES (?, 'b', ?, ?, 'o', 'originals', 'S', 'S#1', '1', 'w', 1, ?, 0, 0, 0)",
                (f"push{n}", project, node, state),
            )

    assert PushesCheck().run(ctx).level == "ok"
    ctx.catalog.write(put)
    result = PushesCheck().run(ctx)
    assert (result.level, result.text) == ("warning", "Not sent: 2 to main.")
