"""Restoring a backup, with a restore point to fall back to; projects and originals stay as is."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from appliance.core import ApplianceError, DataFolder, NotFound, UpkeepError
from appliance.upkeep.erasing.erasure import erase_again
from appliance.upkeep.manifest import Manifest, prove, read_manifest, row_counts
from appliance.upkeep.schema import applied_migrations, catalog_extensions, unknown_to_us
from appliance.upkeep.swap import TOOLS, Swap
from appliance.upkeep.values import RestoreReport

__all__ = ["finish_interrupted_restore", "restore"]

_LOG = logging.getLogger(__name__)


def restore(source: Path | str, folder: DataFolder) -> RestoreReport:
    """Put a backup in place of the databases of a data folder.

    Parameters
    ----------
    source : Path or str
        A backup's folder, or its name in the data folder's ``backups``.
    folder : DataFolder
        May be empty, whole or damaged. It is locked meanwhile.

    Returns
    -------
    RestoreReport

    Raises
    ------
    UpkeepError
        If the backup is damaged or newer than this version, or the result does not open; the
        data folder is then as it was before.
    Conflict
        If a service uses the data folder.
    """
    backup = _find(Path(source), folder)
    manifest = read_manifest(backup)
    prove(backup, manifest)
    _refuse_newer(backup, manifest)
    folder.prepare()
    with folder.lock():
        finish_interrupted_restore(folder)
        return _replace(backup, manifest, folder)


def finish_interrupted_restore(folder: DataFolder) -> bool:
    """Roll back a restore that was cut off, as by a power failure; call it under the lock.

    Returns
    -------
    bool
        Whether there was one.
    """
    swap = Swap.interrupted(folder)
    if swap is None:
        return False
    swap.undo()
    _LOG.warning("an interrupted restore was rolled back")
    return True


def _find(source: Path, folder: DataFolder) -> Path:
    for path in (source.expanduser(), folder.backups / source):
        if path.is_dir():
            return path.absolute()
    raise NotFound(f"no backup {source}", hint="'nora backup --list' shows what there is.")


def _refuse_newer(backup: Path, manifest: Manifest) -> None:
    with closing(_open_copy(backup / "catalog.sqlite")) as con:
        unknown = unknown_to_us(con)
    if unknown:
        raise UpkeepError(
            f"backup {backup.name} was made by a newer version ({manifest.version}):"
            f" {', '.join(unknown)} unknown",
            hint=f"Install version {manifest.version} or a later one, then restore.",
        )


def _open_copy(path: Path) -> sqlite3.Connection:
    """Open a database that nobody else uses, without leaving anything beside it."""
    return sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)


def _replace(backup: Path, manifest: Manifest, folder: DataFolder) -> RestoreReport:
    tools = any(name.startswith(f"{TOOLS}/") for name in manifest.files)  # else all stay
    swap = Swap.begin(folder, tools=tools)
    try:
        swap.bring(backup, manifest.files)
        migrated, rows = _bring_up_to_date(folder)
    except BaseException as error:
        swap.undo()
        if isinstance(error, (ApplianceError, OSError, sqlite3.Error)):
            raise UpkeepError(
                f"the restore failed and was rolled back: {error}",
                hint="The data folder is as it was. Try another backup.",
            ) from error
        raise
    point = swap.finish()
    _LOG.info("restored %s", backup.name)
    return RestoreReport(
        source=str(backup),
        restore_point=str(point) if point else None,
        migrated=migrated,
        rows=rows,
    )


def _bring_up_to_date(folder: DataFolder) -> tuple[list[str], dict[str, int]]:
    from appliance.catalog import Catalog
    from appliance.privacy import IdentityStore

    with closing(_open_copy(folder.catalog_path)) as con:
        before = set(applied_migrations(con))
    with (
        closing(Catalog.open(folder.catalog_path, migrations=catalog_extensions())) as catalog,
        closing(IdentityStore.open(folder.identity_path)) as identities,
    ):
        erase_again(catalog, folder, identities)
    with closing(sqlite3.connect(folder.catalog_path)) as con:
        answer = con.execute("PRAGMA integrity_check").fetchone()[0]
        if answer != "ok":
            raise UpkeepError(f"the restored catalog is damaged ({answer})")
        after, rows = applied_migrations(con), row_counts(con)
    return [name for name in after if name not in before], rows
