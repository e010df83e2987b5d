"""Play a power cut: only what was fsynced, file and folder, is there afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.needs import needs

__all__ = ["PowerCut"]

SOURCE = Path(__file__).with_name("lossyfs.c")
SYNC_ALL = """
import os, sys
for base, folders, files in os.walk(sys.argv[1]):
    for path in [base, *(os.path.join(base, name) for name in files)]:
        if os.path.isdir(path) or (os.path.isfile(path) and not os.path.islink(path)):
            fd = os.open(path, os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)
"""


class PowerCut:
    """Watches the fsyncs of processes below `root` and restores what they made durable.

    Parameters
    ----------
    root : Path
        The folder whose loss is played; what is there now counts as durable.
    store : Path
        Where the durable state is kept; outside of `root`.
    """

    def __init__(self, root: Path, store: Path) -> None:
        self.root, self.store = root.resolve(), store.resolve()
        for name in ("files", "dirs", "draft"):
            (self.store / name).mkdir(parents=True)
        self.library = self.store / "lossyfs.so"
        gcc = needs("gcc")
        command = [gcc, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(self.library), str(SOURCE)]
        subprocess.run([*command, "-ldl"], check=True)

    @property
    def env(self) -> dict[str, str]:
        """Environment of the processes to watch."""
        return {
            "LD_PRELOAD": str(self.library),
            "LOSSY_ROOT": str(self.root),
            "LOSSY_STORE": str(self.store),
        }

    def everything_is_durable(self) -> None:
        """Take the state of now as written to the disk."""
        env = {**os.environ, **self.env}
        subprocess.run([sys.executable, "-c", SYNC_ALL, str(self.root)], env=env, check=True)

    def restore(self, target: Path) -> Path:
        """Write what survives to `target`: entries of fsynced folders, bytes of fsynced files."""
        info = self.root.stat()
        self._folder(self._id_of(self.root), target)
        target.chmod(info.st_mode & 0o777)
        return target

    def _folder(self, identity: str, target: Path) -> None:
        """One folder and what its last fsync saw in it."""
        target.mkdir()
        noted = self.store / "dirs" / identity
        entries = noted.read_bytes().split(b"\0")[:-1] if noted.exists() else []
        for entry in entries:
            kind, child, name = entry.split(b" ", 2)
            path = target / os.fsdecode(name)
            if kind == b"d":
                self._folder(child.decode(), path)
            elif kind == b"f":
                self._file(self.store / "files" / child.decode(), path)

    @staticmethod
    def _file(durable: Path, path: Path) -> None:
        """The bytes of the last fsync; a file that never had one is empty."""
        if durable.exists():
            shutil.copyfile(durable, path)
        else:
            path.touch()

    def _id_of(self, folder: Path) -> str:
        """Identity of the root: its folder record is found by inode number."""
        inode = folder.stat().st_ino
        found = sorted((self.store / "dirs").glob(f"{inode}-*"), key=lambda p: p.stat().st_mtime)
        return found[-1].name if found else f"{inode}-none"
