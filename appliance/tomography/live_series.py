"""Follows tilt series while the microscope writes them: they and a preview appear in their study.

A series is over on a sure sign, all sections are there that its stack's header promised from the
beginning, or when nothing of it changed for a time. Until then it is kept from being imported. The
files of the microscope are only read; what costs time runs in a process of its own.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from appliance.catalog import Catalog, Tx, study_dir
from appliance.core import ApplianceError, DataFolder, DiskFull, atomic_write, new_key, safe_name
from appliance.tomography.growing import PARTS, Growing, growing_series
from appliance.tomography.preview import FEWEST, REPORT, preview_command, told_so_far

__all__ = ["LiveRoot", "LiveSeries", "StudyPlace"]

_LOG = logging.getLogger(__name__)
_LOOK_S, _LONGEST_S = 1.0, 60.0  # between two looks
_REST = 20  # times as long as it takes to walk the folders
_LIVE = "live"
_FRAMES = ("frames", "Frames")
_STARTS_SHORT = 2  # tilts; the .mdoc and the header of a stack may be apart by one while it grows
_UNREAD = (
    "There is no preview: the tilts are files in TIFF or EER, which are not read. Bring them"
    " together into a stack (.mrc or .st), which is followed, too, while it is written."
)
_NO_PLACE = "the pattern of a live folder must name subject and study"
Stamp = tuple[int, int]


class StudyPlace(NamedTuple):
    """The study that a series belongs to."""

    project: str
    pid: str
    sid: str


@dataclass(frozen=True, slots=True)
class LiveRoot:
    """A watched folder in which microscopes write.

    Attributes
    ----------
    path : Path
    quiet_s : float
        Seconds without a change after which a series is over.
    place : callable
        Gives the study of a file in it; None when none is named.
    """

    path: Path
    quiet_s: float
    place: Callable[[Path], StudyPlace | None]


@dataclass(slots=True)
class _Seen:
    """What is known of one series; monotonic times."""

    signature: tuple[tuple[str, int, int], ...]
    since: float
    promised: int = 0
    n_shown: int = 0
    ended: bool = False


@dataclass(slots=True)
class _Folder:
    """The series of a folder, as long as its files stay the same."""

    files: dict[Path, Stamp]
    series: list[Growing] = field(default_factory=list)


class LiveSeries:
    """Looks into folders of microscopes for as long as it runs.

    Parameters
    ----------
    catalog, folder
        The rooms below.
    roots : sequence of LiveRoot
    min_free_bytes : int
        No preview is written when less would be free.
    on_files : callable, optional
        Hears the ids of files that are new or changed.
    on_end : callable, optional
        Hears the folder of a series that is over.
    """

    def __init__(
        self,
        catalog: Catalog,
        folder: DataFolder,
        roots: Sequence[LiveRoot],
        *,
        min_free_bytes: int = 0,
        on_files: Callable[[list[int]], object] = lambda _: None,
        on_end: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.roots, self.on_end = tuple(roots), on_end
        self._catalog, self._folder, self._on_files = catalog, folder, on_files
        self._min_free = min_free_bytes
        self._prefixes = tuple(f"{root.path}/" for root in self.roots)
        self._folders: dict[Path, _Folder] = {}
        self._seen: dict[tuple[Path, str], _Seen] = {}
        self._ended: dict[str, Stamp] = {}
        self._problems: dict[tuple[Path, str], str] = {}
        self._walk_s = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="live-series", daemon=True)

    @property
    def problem(self) -> str:
        """What is wrong, without names of files; for the health page."""
        if self._thread.ident is not None and not self._thread.is_alive():
            return "Nobody follows the tilt series that are recorded."
        return "; ".join(dict.fromkeys(self._problems.values()))

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End; a preview that is being made is given up."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def holds(self, path: str, size_bytes: int, mtime_ns: int) -> bool:
        """Tell whether a file may belong to a series that is still recorded."""
        if not path.startswith(self._prefixes) or Path(path).suffix.lower() not in PARTS:
            return False
        return self._ended.get(path) != (size_bytes, mtime_ns)

    def look(self) -> None:
        """Look at all folders once, and show what has come."""
        began = time.monotonic()
        found: dict[Path, tuple[LiveRoot, dict[Path, Stamp]]] = {}
        for root in self.roots:
            for folder, files in _folders(root.path):
                found[folder] = (root, files)
        self._walk_s = time.monotonic() - began
        for folder in [one for one in self._folders if one not in found]:
            del self._folders[folder]
        for folder, (root, files) in found.items():
            known = self._folders.get(folder)
            if known is None or known.files != files:
                known = self._folders[folder] = _Folder(files, growing_series(files))
            for one in known.series:
                if self._stopping.is_set():
                    return
                self._follow(root, folder, one, files)

    def _loop(self) -> None:
        pause_s = 0.0
        while not self._stopping.wait(pause_s):
            try:
                self.look()
            except Exception:  # noqa: BLE001 - the outer loop: logged, the next look tries again
                _LOG.exception("the folders of the microscopes could not be looked at")
            pause_s = max(_LOOK_S, min(_REST * self._walk_s, _LONGEST_S))

    def _follow(self, root: LiveRoot, folder: Path, one: Growing, files: dict[Path, Stamp]) -> None:
        key, now = (folder, one.name), time.monotonic()
        signature = tuple((str(path), *files[path]) for path in one.files)
        seen, first = self._seen.get(key), key not in self._seen
        if seen is None:
            age_s = time.time() - max(mtime for _, _, mtime in signature) / 1e9
            seen = self._seen[key] = _Seen(signature, now - max(0.0, age_s))
        elif seen.signature != signature:
            seen.signature, seen.since, seen.ended = signature, now, False
        if seen.ended:
            return
        if one.promised - one.n_tilts >= _STARTS_SHORT:
            seen.promised = one.promised
        whole = one.stack is not None and 0 < one.n_tilts == one.promised == seen.promised
        over = whole or now - seen.since >= root.quiet_s
        try:
            self._show(root, one, seen, over=over, first=first)
            self._problems.pop(key, None)
        except (ApplianceError, OSError) as error:
            self._complain(key, error)
        if over:
            self._end(folder, seen)

    def _complain(self, key: tuple[Path, str], error: ApplianceError | OSError) -> None:
        told = error.message if isinstance(error, ApplianceError) else str(error.strerror)
        if self._problems.get(key) != told:
            _LOG.warning("a tilt series is not followed: %s", told)
        self._problems[key] = told

    def _end(self, folder: Path, seen: _Seen) -> None:
        seen.ended = True
        self._ended |= {path: (size, mtime) for path, size, mtime in seen.signature}
        for home in {folder, *(Path(path).parent for path, _, _ in seen.signature)}:
            self.on_end(str(home))

    def _show(self, root: LiveRoot, one: Growing, seen: _Seen, *, over: bool, first: bool) -> None:
        """Bring a series' row and preview up to date; those of an old one stay as they are."""
        if not one.n_there:
            return
        place = root.place(one.files[0])
        if place is None:
            raise ApplianceError(_NO_PLACE)
        home = study_dir(self._folder, *place)
        target = home / _LIVE / safe_name(one.name)
        if over and one.stack is None:
            self._gather(place, home, one)
        if over and first and not _is_open(target / REPORT):
            return
        if one.n_there == seen.n_shown and not over:
            return
        self._enough_space()
        with tempfile.TemporaryDirectory(prefix="live-", dir=self._folder.tmp) as folder:
            report, made = self._preview(one, Path(folder))
            report["state"] = "recorded" if over else "recording"
            if not self._stopping.is_set():
                self._publish(place, home, target, report, made)
                seen.n_shown = one.n_there

    def _preview(self, one: Growing, folder: Path) -> tuple[dict[str, Any], Path | None]:
        """Give the report of a series, and its preview once there are tilts enough."""
        report = told_so_far(sorted((*one.angles_deg, *one.unread_deg)))
        if one.unread_deg:
            return {**report, "messages": [_UNREAD]}, None
        if one.n_tilts < FEWEST:
            return report, None
        why = self._run(preview_command(one, folder))
        if why:
            return {**report, "messages": [why]}, None
        told = msgspec.json.decode((folder / REPORT).read_bytes(), type=dict[str, Any])
        return told, folder / f"{one.name}_preview.mrc"

    def _gather(self, place: StudyPlace, home: Path, one: Growing) -> None:
        """Bring the files of single tilts together into a stack of the study."""
        name = safe_name(one.name)
        stack = home / _LIVE / name / f"{name}.st"
        if stack.exists() or one.unread_deg or one.n_tilts < FEWEST:
            return
        self._enough_space()
        part = stack.with_name(f".{new_key()}.part")
        part.mkdir(parents=True)
        try:
            made = part / stack.name
            why = self._run(preview_command(one, part, gather=made))
            if why:
                raise ApplianceError(why)
            angles = stack.with_suffix(".rawtlt")
            made.with_suffix(".rawtlt").replace(angles)
            made.replace(stack)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        self._enter(place, home, [stack, angles])

    def _publish(
        self,
        place: StudyPlace,
        home: Path,
        target: Path,
        report: dict[str, Any],
        made: Path | None,
    ) -> None:
        self._folder.check_marker(self._folder.projects)
        target.mkdir(parents=True, exist_ok=True)
        paths = []
        if made is not None:
            paths.append(target / made.name)
            with made.open("rb") as source, atomic_write(paths[0]) as stream:
                shutil.copyfileobj(source, stream)
        paths.append(target / REPORT)  # last: it tells of no tilts that the preview lacks
        with atomic_write(paths[-1]) as stream:
            stream.write(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
        self._enter(place, home, paths)

    def _enter(self, place: StudyPlace, home: Path, paths: Sequence[Path]) -> None:
        """Put files into the catalog, with the study if it is new."""
        from appliance.catalog import add_file, ensure_study, ensure_subject, get_project
        from appliance.catalog import require_open as open_project
        from appliance.formats import file_facts

        facts = [(str(path.relative_to(home)), file_facts(path)) for path in paths]

        def write(tx: Tx) -> list[int]:
            project = get_project(tx.con, place.project)
            open_project(tx.con, project.id)
            study = ensure_study(tx, ensure_subject(tx, project.id, place.pid), place.sid)
            return [add_file(tx, study, path, origin="live", **told) for path, told in facts]

        self._on_files(self._catalog.write(write))

    def _enough_space(self) -> None:
        if self._folder.free_bytes() < self._min_free:
            raise DiskFull("there is too little space for previews of tilt series")

    def _run(self, words: Iterable[str]) -> str:
        """Run a program to its end; give what it says when it fails."""
        env = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        with subprocess.Popen(
            ["nice", "-n", "10", sys.executable, *words],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            while True:
                try:
                    said = process.communicate(timeout=0.2)[1]
                except subprocess.TimeoutExpired:
                    if self._stopping.is_set():
                        process.kill()
                else:
                    break
        lines = said.strip().splitlines()
        return (lines[-1] if lines else "the preview failed") if process.returncode else ""


def _folders(root: Path) -> Iterator[tuple[Path, dict[Path, Stamp]]]:
    """Walk a folder: the files of series in each of its folders, those of ``frames`` with them."""
    found: dict[Path, dict[Path, Stamp]] = {}
    for at, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files = {}
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in PARTS:
                try:
                    facts = Path(at, name).stat()
                except OSError:
                    continue  # gone again
                files[Path(at, name)] = (facts.st_size, facts.st_mtime_ns)
        if files:
            found[Path(at)] = files
    for folder in [one for one in found if one.name in _FRAMES and one.parent in found]:
        found[folder.parent] |= found.pop(folder)
    yield from found.items()


def _is_open(report: Path) -> bool:
    """Tell whether a series is shown as one that is still recorded."""
    try:
        told = msgspec.json.decode(report.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return False
    return told.get("state") == "recording"
