"""The data folder: where everything lies, the lock of the one process, and the marker files."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.core.errors import Conflict, StorageError
from appliance.core.files import atomic_write
from appliance.core.mounts import file_system

__all__ = ["MARKER", "DataFolder"]

MARKER = ".nora-storage"
"""Name of the file by which a storage folder is known."""
_STORAGE_ROOTS = ("incoming", "quarantine", "originals", "projects", "jobs", "backups")
_OTHER_FOLDERS = ("conf.d", "cache", "tmp", "trash", "models", "logs", "drop", "notebooks")
_REFUSED = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs"})
_MAX_SOCKET_BYTES = 100  # sun_path holds 108


class DataFolder:
    """One folder that holds everything of one appliance.

    Parameters
    ----------
    root : Path
        The folder; made by `prepare` when missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.catalog_path = self.root / "catalog.sqlite"
        self.identity_path = self.root / "identity.sqlite"
        self.queue_path = self.root / "queue.sqlite"
        self.conf_path = self.root / "conf.d" / "50-ui.toml"
        self.incoming = self.root / "incoming"
        self.quarantine = self.root / "quarantine"
        self.originals = self.root / "originals"
        self.projects = self.root / "projects"
        self.jobs = self.root / "jobs"
        self.cache = self.root / "cache"
        self.tmp = self.root / "tmp"
        self.trash = self.root / "trash"
        self.models = self.root / "models"
        self.backups = self.root / "backups"
        self.logs = self.root / "logs"
        self.drop = self.root / "drop"
        self.notebooks = self.root / "notebooks"
        self.run = self.root / "run"

    def __repr__(self) -> str:
        return f"DataFolder({str(self.root)!r})"

    @property
    def socket_path(self) -> Path:
        """Unix socket of the running service; elsewhere when the data folder's name is too long."""
        path = self.run / "nora.sock"
        if len(os.fsencode(path)) <= _MAX_SOCKET_BYTES:
            return path
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108
        return base / f"nora-{os.getuid()}-{digest}" / "nora.sock"

    def prepare(self) -> None:
        """Make the folders; put a marker into each storage root that is new.

        Raises
        ------
        StorageError
            If the folder cannot be written, or lies on a network file system, where SQLite's
            locks cannot be trusted.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._refuse_network()
            for name in _OTHER_FOLDERS:
                (self.root / name).mkdir(exist_ok=True)
            for name in _STORAGE_ROOTS:
                self._prepare_storage(self.root / name)
            for private in (self.run, self.socket_path.parent):
                private.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise StorageError(
                f"cannot use the data folder {self.root}: {error.strerror}",
                hint="Choose another folder with --data or data.path, or mend its permissions.",
            ) from error

    @property
    def storage_roots(self) -> list[Path]:
        """Folders that carry a marker, because each may lie on a disk of its own."""
        return [self.root / name for name in _STORAGE_ROOTS]

    def check_marker(self, storage: Path) -> None:
        """Refuse to write into a storage root without its marker: its disk is not mounted.

        Raises
        ------
        StorageError
            If the marker file is missing.
        """
        if not (storage / MARKER).is_file():
            raise StorageError(
                f"{storage} has lost its marker file {MARKER}",
                hint="Its disk may not be mounted. Mount it; writing goes on by itself.",
            )

    def free_bytes(self) -> int:
        """Tell how many bytes the data folder's file system still takes."""
        return shutil.disk_usage(self.root).free

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the data folder for this process.

        Raises
        ------
        Conflict
            If another process holds it.
        """
        handle = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _flock(handle, self.root)
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
            yield
        finally:
            os.close(handle)

    def _prepare_storage(self, storage: Path) -> None:
        if storage.is_dir() and (self.catalog_path.exists() or any(storage.iterdir())):
            return  # a known folder without a marker is an unmounted disk: never mark it again
        storage.mkdir(exist_ok=True)
        self.mark(storage)

    def mark(self, storage: Path) -> None:
        """Put the marker into a storage root: a person has said that its disk is mounted."""
        with atomic_write(storage / MARKER) as stream:
            stream.write(b"This file tells that the disk of this folder is mounted. Keep it.\n")

    def _refuse_network(self) -> None:
        kind = file_system(self.root)
        if kind in _REFUSED:
            raise StorageError(
                f"the data folder {self.root} lies on a network file system ({kind})",
                hint="Databases need a local disk. Projects may lie elsewhere through a mount.",
            )


def _flock(handle: int, root: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
        raise Conflict(
            f"another process (pid {holder}) already uses the data folder {root}",
            hint="Stop it first, or choose another folder with --data.",
        ) from None
