"""Runs jobs in bubblewrap where the machine has it: a job sees its project, its folder, its tools.

The system is there to read. Homes, ``/run``, the data folder and our settings are empty but for
what the job needs; other processes cannot be seen. There is no way to the databases, to keys, to
original DICOM files or to other projects but our API, with the rights of the job.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import appliance
from appliance.catalog import linked_folders
from appliance.core import DataFolder

__all__ = ["Sandbox", "bubblewrap_works"]

_WORLD = (
    *("bwrap", "--die-with-parent", "--unshare-pid", "--unshare-ipc"),
    *("--ro-bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc"),
)
_EMPTY = ("/home", "/root", "/run", "/etc/nora")
_KEPT_OF_RUN = ("/run/systemd/resolve", "/run/nvidia-persistenced", "/run/nscd")
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - each job gets its own


def bubblewrap_works() -> bool:
    """Tell whether ``bwrap`` is installed and this machine lets it make its namespaces."""
    if shutil.which("bwrap") is None:
        return False
    try:
        done = subprocess.run([*_WORLD, "true"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


class Sandbox:
    """Puts a command into bubblewrap, or leaves it as it is.

    Parameters
    ----------
    folder : DataFolder
        The data folder; of it a job sees its project, models, and its own run folder.
    setting : str
        ``"auto"`` or ``"off"``, from ``jobs.sandbox``.
    works : callable
        Asked once, when the setting is ``"auto"``.
    read, write : iterable of str
        The settings ``jobs.sandbox_read`` and ``jobs.sandbox_write``.
    network : bool
        The setting ``jobs.network``.
    """

    def __init__(
        self,
        folder: DataFolder,
        setting: str,
        works: Callable[[], bool] = bubblewrap_works,
        *,
        read: Iterable[str] = (),
        write: Iterable[str] = (),
        network: bool = True,
    ) -> None:
        self._folder = folder
        self._wanted = setting == "auto"
        self._works = works
        self._read = [Path(one).expanduser() for one in read]
        self._write = [Path(one).expanduser() for one in write]
        self._network = network

    @cached_property
    def active(self) -> bool:
        """Whether commands are put into bubblewrap at all."""
        return self._wanted and self._works()

    def problem(self) -> str:
        """Say why jobs are not kept from what is not theirs; empty when they are."""
        if self.active:
            return ""
        why = "bubblewrap does not work here" if self._wanted else "jobs.sandbox is off"
        return f"Jobs can read all that the service can read: {why}."

    def wrap(
        self,
        argv: Sequence[str],
        run_folder: Path,
        project: str = "",
        also: Iterable[Path] = (),
    ) -> list[str]:
        """Give the command to run instead.

        Parameters
        ----------
        argv : sequence of str
            The command.
        run_folder : Path
            Run folder of the attempt; ``/tmp`` of the job lies in it.
        project : str
            Name of the project that it sees; empty: none.
        also : iterable of Path
            Further folders that it may write, such as the home of a notebook.
        """
        if not self.active:
            return list(argv)
        words = [*_WORLD, *([] if self._network else ["--unshare-net"])]
        words += self._own_places(run_folder)
        words += _words("--tmpfs", (Path(path) for path in _EMPTY if Path(path).is_dir()))
        words += ["--dir", str(Path.home())]
        words += _words("--ro-bind", [*map(Path, _KEPT_OF_RUN), *_our_programs(), *self._read])
        words += _words("--bind", self._write)
        words += _words("--tmpfs", (self._folder.root, self._folder.socket_path.parent))
        words += [*self._data(run_folder, project), *_words("--bind", also)]
        return [*words, "--chdir", str(run_folder / "work"), "--", *argv]

    def _own_places(self, run_folder: Path) -> list[str]:
        own = run_folder / "tmp"
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
        return [word for path in _TEMPORARY for word in ("--bind", str(own), path)]

    def _data(self, run_folder: Path, project: str) -> list[str]:
        folder = self._folder
        compiled = Path(os.environ.get("NUMBA_CACHE_DIR") or folder.cache / "numba")
        with suppress(OSError):  # jobs work without, and compile anew
            compiled.mkdir(parents=True, exist_ok=True)  # only what is there can be seen inside
        words = _words("--ro-bind", [folder.models])
        words += _words("--bind", [compiled, run_folder])
        if project:
            words += _words("--bind", [folder.projects / project])
            words += _words("--ro-bind", linked_folders(folder, project))
        return words


def _words(how: str, paths: Iterable[Path]) -> list[str]:
    """Write one kind of mount for those folders that there are."""
    found = [str(path) for path in paths if path.is_dir()]
    if how == "--tmpfs":
        return [word for path in found for word in (how, path)]
    return [word for path in found for word in (how, path, path)]


def _our_programs() -> list[Path]:
    """Where the interpreter, its packages and we ourselves lie; often in somebody's home."""
    places = [sys.prefix, sys.base_prefix, str(Path(appliance.__file__).parents[1])]
    found = {Path(place) for place in places} | {Path(place).resolve() for place in places}
    return sorted(path for path in found if path != Path("/usr"))
