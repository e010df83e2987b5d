"""One reading of a folder of existing data, some hundred files at a time."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.core import ApplianceError, StorageError, now_ms, safe_name
from appliance.exchange.bids_read import BidsLayout, subject_facts
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.disk import require_space
from appliance.exchange.existing_files import Wanted, put_and_look
from appliance.exchange.existing_plan import (
    Coder,
    ExistingOptions,
    PlacedFile,
    Unplaced,
    is_quiet,
    layout_of,
    place_files,
)
from appliance.exchange.layouts import scan_tree
from appliance.exchange.names import item_key
from appliance.exchange.receipts import add_items, set_receipt
from appliance.exchange.rows import ItemState, ReceiptState
from appliance.privacy import Identity, ProjectPolicy

if TYPE_CHECKING:
    from appliance.catalog import NewFile, Project, Source, Tx

__all__ = ["Reading", "Stopped"]

_CHUNK = 800  # files; a transaction of some 50 ms
_HEADERS = 400
_NOTE_EVERY_S = 1.0
_THREADS = 6  # they wait for the disk
_MOST_PROBLEMS = 1000
_PLACES = (
    "SELECT f.id, u.pid, s.sid, p.path FROM files f JOIN paths p ON p.id = f.path_id"
    " JOIN studies s ON s.id = f.study_id JOIN subjects u ON u.id = s.subject_id"
)
_HINT = "Mend it in the folder, then read the folder again."


class Stopped(Exception):
    """A reading ended before its end because it was asked to."""


class Reading:
    """The work of one receipt; it may be begun again at any time.

    Parameters
    ----------
    wish : callable
        Tells whether to end now: ``""``, ``"closing"`` (go on at the next start) or ``"stop"``.
    """

    def __init__(
        self,
        ctx: Context,
        receipt: Any,
        source: Source,
        project: Project,
        *,
        policy: ProjectPolicy,
        options: ExistingOptions,
        wish: Callable[[], str],
    ) -> None:
        self._ctx, self._source, self._project = ctx, source, project
        self._id, self._key = int(receipt["id"]), str(receipt["key"])
        self._policy, self._options, self._wish = policy, options, wish
        self._root, self._home = Path(source.root), ctx.folder.projects / project.name
        self._origin = f"source:{source.key}"
        self._folders: set[str] = set()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="existing")
        self._noted = 0.0
        self._problems: list[Unplaced] = []
        self._studies: dict[tuple[str, str], int | None] = {}
        self._bids: BidsLayout | None = None
        self.n_total = self.n_done = self.n_same = self.n_bad = self.size_bytes = 0

    def run(self) -> None:
        """Read all of the folder, then the headers of its images.

        Raises
        ------
        Stopped
            If it was asked to end.
        """
        self._ctx.catalog.write(lambda tx: set_receipt(tx, self._id, ReceiptState.WORKING))
        try:
            with self._pool:
                self._enter_all()
            self._fill_headers()
            self._retire_gone()
        except StorageError as error:  # full, or not mounted: it waits and is tried again
            self._put(ReceiptState.PENDING, error.message, error.hint)
            return
        except ApplianceError as error:
            self.fail(error.message, error.hint)
            return
        _sync(self._ctx.folder.projects)
        self._conclude()

    def fail(self, reason: str, hint: str) -> None:
        """End as failed; what was entered stays."""
        self._put(ReceiptState.FAILED, reason, hint)

    def _enter_all(self) -> None:
        self._ctx.folder.check_marker(self._ctx.folder.projects)
        self._measure()
        layout = layout_of(self._root, self._options)
        self._bids = layout if isinstance(layout, BidsLayout) else None
        files = place_files(self._root, layout, self._options, self._coder(), self._hear)
        while chunk := list(islice(files, _CHUNK)):
            self._enter(chunk)
            crash_point("existing.entered")
            self._look_up()
        self._note()

    def _measure(self) -> None:
        """Count what there is, for the progress; and see whether copies have room."""
        need = 0
        for file in scan_tree(self._root, lambda _path, _reason: None):
            self.n_total += 1
            need += file.size_bytes
        require_space(
            self._ctx.folder, self._ctx.settings, need if self._options.mode == "copy" else 0
        )

    def _look_up(self) -> None:
        """Say how far it is; end if somebody wants that."""
        wish = self._wish()
        if wish == "closing":
            self._note()
            raise Stopped("the service stops")
        if wish == "stop":
            self.fail("stopped by a person", "What was entered stays. Read it again to go on.")
            raise Stopped("by a person")
        if time.monotonic() - self._noted >= _NOTE_EVERY_S:
            self._note()

    def _coder(self) -> Coder:
        return safe_name if self._options.subjects == "keep" else self._code

    def _code(self, original: str) -> str:
        identity = Identity(patient_id=original, issuer=f"source:{self._source.key}")
        return self._ctx.identities.resolve(
            self._project.key, identity, self._policy, taken=self._is_taken
        ).code

    def _is_taken(self, code: str) -> bool:
        with self._ctx.catalog.read() as con:
            row = con.execute(
                "SELECT 1 FROM subjects WHERE project_id = ? AND pid = ?", (self._project.id, code)
            ).fetchone()
        return row is not None

    def _enter(self, chunk: Sequence[PlacedFile]) -> None:
        """Put files into their places, many at once, and their rows into the catalog."""
        groups = [list(g) for _, g in groupby(chunk, key=lambda file: (file.pid, file.sid))]
        wanted = [self._wanted((files[0].pid, files[0].sid), files) for files in groups]
        mode = self._options.mode
        done = self._pool.map(lambda one: put_and_look(one, mode), chain.from_iterable(wanted))
        parts = [
            (files[0], self._settle(some, islice(done, len(some))))
            for files, some in zip(groups, wanted, strict=True)
        ]
        self._ctx.catalog.write(lambda tx: self._write(tx, parts))

    def _wanted(self, psid: tuple[str, str], files: list[PlacedFile]) -> list[Wanted]:
        """Give the files of one study that nobody threw away, each with what is known of it."""
        known = self._known(psid, [file.path for file in files])
        home = f"{self._home}/{psid[0]}/{psid[1]}"
        found = []
        for file in files:
            row = known.get(file.path)
            if row is not None and row["trashed_at"] is not None:
                self.n_same += 1  # somebody threw it away: it stays away
                continue
            target = f"{home}/{file.path}"
            self._make(target.rpartition("/")[0])
            ours = row is not None and row["origin"] == self._origin
            facts = (row["size_bytes"], row["mtime_ns"]) if row is not None and ours else None
            found.append(Wanted(file, target, facts))
        return found

    def _settle(self, wanted: list[Wanted], done: Iterable[NewFile | str | None]) -> list[NewFile]:
        """Count what was put into its place; gives what is new or has changed."""
        fresh = []
        for one, found in zip(wanted, done, strict=True):
            if isinstance(found, str):
                self._hear(Unplaced(one.file.source, found))
            elif found is None:
                self.n_same += 1
            else:
                fresh.append(found)
        return fresh

    def _make(self, folder: str) -> None:
        if folder not in self._folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)

    def _known(self, psid: tuple[str, str], paths: list[str]) -> dict[str, Any]:
        with self._ctx.catalog.read() as con:
            study = con.execute(
                "SELECT s.id FROM subjects u JOIN studies s ON s.subject_id = u.id"
                " WHERE u.project_id = ? AND u.pid = ? AND s.sid = ?",
                (self._project.id, *psid),
            ).fetchone()
            if study is None:
                return {}
            rows = con.execute(
                "SELECT p.path, f.size_bytes, f.mtime_ns, f.origin,"
                " ifnull(f.trashed_at, s.trashed_at) AS trashed_at FROM files f"
                " JOIN paths p ON p.id = f.path_id JOIN studies s ON s.id = f.study_id"
                f" WHERE f.study_id = ? AND p.path IN ({','.join('?' * len(paths))})",
                (study[0], *paths),
            ).fetchall()
        return {row["path"]: row for row in rows}

    def _write(self, tx: Tx, parts: Sequence[tuple[PlacedFile, list[NewFile]]]) -> None:
        from appliance.catalog import add_files

        for first, files in parts:
            if not files:
                continue
            psid = (first.pid, first.sid)
            study_id = self._studies.get(psid) or self._new_study(tx, psid, first)
            self._studies[psid] = study_id
            add_files(tx, study_id, files, origin=self._origin)
            self.n_done += len(files)
            self.size_bytes += sum(file.size_bytes for file in files)

    def _new_study(self, tx: Tx, psid: tuple[str, str], first: PlacedFile) -> int:
        from appliance.catalog import ensure_study, ensure_subject, set_fields

        row = self._bids.subjects.get(first.subject, {}) if self._bids else {}
        sex, age, fields = subject_facts(row)
        subject_id = ensure_subject(tx, self._project.id, psid[0], sex=sex)
        study_id = ensure_study(tx, subject_id, psid[1], age_years=age, date=first.date)
        set_fields(tx, "subject", subject_id, fields)
        if self._bids:
            session = self._bids.sessions(first.subject).get(psid[1], {})
            set_fields(tx, "study", study_id, subject_facts(session)[2])
        return study_id

    def _fill_headers(self) -> None:
        """Read the headers of images that are new; what is damaged is told."""
        for rows in self._unread():
            found = [(self._header(row), row["id"]) for row in rows]
            self._ctx.catalog.write(
                lambda tx, found=found: _put_headers(tx, found)  # type: ignore[misc]
            )
            self._look_up()

    def _unread(self) -> Iterator[list[Any]]:
        last = 0
        while True:
            with self._ctx.catalog.read() as con:
                rows = con.execute(
                    f"{_PLACES} WHERE f.project_id = ? AND f.id > ? AND f.origin = ?"
                    " AND f.header IS NULL AND f.kind IN ('image', 'labels')"
                    " AND f.trashed_at IS NULL ORDER BY f.id LIMIT ?",
                    (self._project.id, last, self._origin, _HEADERS),
                ).fetchall()
            if not rows:
                return
            last = rows[-1]["id"]
            yield rows

    def _header(self, row: Any) -> dict[str, Any] | None:
        from appliance.formats import file_facts

        path = self._home / row["pid"] / row["sid"] / row["path"]
        try:
            return file_facts(path, strict=True)["header"]
        except (ApplianceError, OSError) as error:
            reason = error.message if isinstance(error, ApplianceError) else str(error.strerror)
            self._hear(Unplaced(str(path), f"damaged: {reason}"))
            return None

    def _retire_gone(self) -> None:
        """Put files into the trash whose links lead nowhere any more; an undo brings them back."""
        from appliance.catalog import trash_files

        if self._options.mode != "stay":
            return
        if self.n_total == 0:
            raise StorageError("the folder is empty", hint="Is its disk mounted? Then retry.")
        with self._ctx.catalog.read() as con:
            rows = con.execute(
                f"{_PLACES} WHERE f.project_id = ? AND f.origin = ? AND f.trashed_at IS NULL",
                (self._project.id, self._origin),
            ).fetchall()
        gone = [
            row["id"]
            for row in rows
            if not os.path.exists(self._home / row["pid"] / row["sid"] / row["path"])  # noqa: PTH110
        ]
        for start in range(0, len(gone), _CHUNK):
            part = gone[start : start + _CHUNK]
            self._ctx.catalog.write(
                lambda tx, part=part: trash_files(tx, part, self._origin)  # type: ignore[misc]
            )

    def _hear(self, problem: Unplaced) -> None:
        if is_quiet(problem):
            self.n_total -= 1
            return
        self.n_bad += 1
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.append(problem)

    def _note(self) -> None:
        """Write the counts onto the receipt."""
        self._noted = time.monotonic()
        left = max(0, self.n_total - self.n_done - self.n_same - self.n_bad)
        counts = (self.n_done, self.n_bad, self.n_same, left, self.size_bytes, now_ms(), self._id)

        def write(tx: Tx) -> None:
            tx.con.execute(
                "UPDATE receipts SET n_files = ?, n_done = ?, n_quarantined = ?, n_duplicate = ?,"
                " n_pending = ?, size_bytes = ?, updated_at = ? WHERE id = ?",
                (self.n_total, *counts),
            )
            set_receipt(tx, self._id, ReceiptState.WORKING)

        self._ctx.catalog.write(write)

    def _put(self, state: ReceiptState, reason: str, hint: str) -> None:
        self._ctx.catalog.write(
            lambda tx: set_receipt(tx, self._id, state, reason=reason, hint=hint)
        )

    def _conclude(self) -> None:
        """Close the receipt with what could not be taken."""
        from appliance.catalog import mark_scanned

        numbered = list(enumerate(self._problems, 1))
        self._ctx.identities.remember_names((item_key(self._key, n), p.path) for n, p in numbered)
        items = [_item(self._key, n, problem) for n, problem in numbered]
        state = ReceiptState.DONE
        if self.n_bad:
            state = ReceiptState.PARTIAL if self.n_done + self.n_same else ReceiptState.FAILED
        reason = self._problems[0].reason if self._problems else ""
        if self.n_bad > 1:
            reason += f" ({self.n_bad} files)"
        if self.n_total == 0:
            state, reason = ReceiptState.FAILED, "the folder holds no files"
        self.n_total = self.n_done + self.n_same + self.n_bad
        self._note()

        def write(tx: Tx) -> None:
            tx.con.execute("DELETE FROM receipt_items WHERE receipt_id = ?", (self._id,))
            add_items(tx, self._id, items)
            mark_scanned(tx, self._source.id)
            set_receipt(tx, self._id, state, reason=reason, hint=_HINT if reason else "")
            tx.event("projects.changed", project=self._project.name)

        self._ctx.catalog.write(write)


def _put_headers(tx: Tx, found: Sequence[tuple[dict[str, Any] | None, int]]) -> None:
    from appliance.catalog import set_file_header

    for header, file_id in found:
        if header is not None:
            set_file_header(tx, file_id, header)


def _item(key: str, n: int, problem: Unplaced) -> dict[str, Any]:
    return {
        "n": n,
        "name": f"{n:06d}",
        "place": f"incoming/{key}/{n:06d}",
        "state": ItemState.FAILED,
        "reason": problem.reason,
        "hint": _HINT,
    }


def _sync(folder: Path) -> None:
    """Make all that was written on the file system of a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle) != 0:
            os.sync()
    finally:
        os.close(handle)
