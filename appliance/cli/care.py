"""The verbs that look after the appliance: status, settings, login, backup, restore, install."""

from __future__ import annotations

import argparse
import json
import sys
import webbrowser
from typing import TYPE_CHECKING

from appliance.cli.tables import table
from appliance.cli.transport import connect, service_answers, settings_for
from appliance.core import DataFolder, Settings, iso

if TYPE_CHECKING:
    from appliance.client import Backup

__all__ = ["backup", "install", "login", "matlab", "rescan", "restore", "settings", "status"]

Options = argparse.Namespace
_MIB = 1 << 20


def status(options: Options) -> int:
    """Print the health of the running service; 1 when it is not running or not well."""
    found = settings_for(options.data, options.config)
    folder = DataFolder(found.data_path)
    if not service_answers(folder):
        print(f"no service runs on {folder.root}")
        return 1
    with connect(found) as client:
        health = client.health()
        unread = client.unread_notifications()
    if options.json:
        _print_json(health)
    else:
        print(f"{folder.root}: {health.status}, version {health.version}")
        table([check.level, check.title, check.text] for check in health.checks)
        for check in health.checks:
            if check.level != "ok" and check.hint:
                print(f"hint: {check.title}: {check.hint}")
        if unread:
            print(f"{unread} unread notification{'s' * (unread > 1)}: see the page Notifications")
    return 1 if health.status == "error" else 0


def settings(options: Options) -> int:
    """Print every setting with its value and source."""
    found = settings_for(options.data, options.config)
    values = found.shown_values() | {"data.path": str(found.data_path)}
    if options.json:
        _print_json({key: {"value": v, "source": found.source(key)} for key, v in values.items()})
    else:
        table([key, json.dumps(value), found.source(key)] for key, value in values.items())
    return 0


def matlab(_options: Options) -> int:
    """Print the folder to add to the path of MATLAB or Octave."""
    from appliance.client import matlab_folder

    print(matlab_folder())
    return 0


def login(options: Options) -> int:
    """Print a one-time login link."""
    found = settings_for(options.data, options.config)
    with connect(found) as client:
        link = client.login_link()
    print(link)
    if options.open:
        webbrowser.open(link)
    return 0


def rescan(options: Options) -> int:
    """Bring the catalog in line with the disk, or build it anew."""
    if options.anew:
        return _rebuild(DataFolder(settings_for(options.data, options.config).data_path))
    with connect(settings_for(options.data, options.config)) as client:
        print(client.fix("rescan-prune" if options.prune else "rescan").note)
    return 0


def _rebuild(folder: DataFolder) -> int:
    from appliance.upkeep import rebuild

    kept, report = rebuild(folder)
    print(
        f"{report.n_studies} studies on disk: {report.n_added} files entered,"
        f" {report.n_trashed} of them in the trash; {len(report.problems)} problems"
    )
    print(f"the old catalog lies in {kept}")
    return 0


def backup(options: Options) -> int:
    """Make a backup, or list those there are."""
    found = settings_for(options.data, options.config)
    folder = DataFolder(found.data_path)
    if options.to is not None:
        from appliance.upkeep import backup as backup_to

        info = backup_to(folder, options.to, found.backup.keep)
        print(f"{info.path}  {info.size_bytes / _MIB:.1f} MiB, verified")
        return 0
    if not options.list:
        with connect(found) as client:
            made = client.backup()
        print(f"{folder.backups / made.name}  {made.size_bytes / _MIB:.1f} MiB, verified")
        return 0
    found_backups = _backups(found, folder)
    if options.json:
        _print_json(found_backups)
    else:
        table([b.name, f"{b.size_bytes / _MIB:.1f} MiB", b.version] for b in found_backups)
    return 0


def _backups(found: Settings, folder: DataFolder) -> list[Backup]:
    """List the backups; without a service from the disk, for the catalog may be damaged."""
    if service_answers(folder):
        with connect(found) as client:
            return client.backups()
    from appliance.client import Backup
    from appliance.upkeep import list_backups

    return [
        Backup(
            name=one.name,
            created_at=iso(one.created_at),
            size_bytes=one.size_bytes,
            verified=one.verified,
            version=one.version,
        )
        for one in list_backups(folder.backups)
    ]


def restore(options: Options) -> int:
    """Bring a backup back."""
    from appliance.upkeep import restore as bring_back

    folder = DataFolder(settings_for(options.data, options.config).data_path)
    report = bring_back(options.backup, folder)
    print(f"restored {report.source}")
    for name, label in (("subjects", "subjects"), ("studies", "studies"), ("files", "files")):
        print(f"  {report.rows.get(name, 0)} {label}")
    for name in report.migrated:
        print(f"  migrated: {name}")
    if report.restore_point:
        print(f"what was there before lies in {report.restore_point}")
    print("hint: 'nora rescan' enters what came to the projects' folders after the backup")
    return 0


def install(options: Options) -> int:
    """Place unit and settings file, or print them."""
    from appliance.cli.install import plan

    planned = plan(
        system=options.system, prefix=options.prefix, account=options.account, data=options.data
    )
    if options.dry_run:
        for file in planned.files:
            print(f"# {file.path}\n{file.text}")
    else:
        print("\n".join(planned.place()))
    print("next:", *planned.next_steps, sep="\n  ", file=sys.stderr)
    return 0


def _print_json(value: object) -> None:
    import msgspec

    print(json.dumps(msgspec.to_builtins(value), indent=1))
