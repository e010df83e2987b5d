"""One reading of a folder of existing data, some hundred files at a time."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from appliance.core import ApplianceError, StorageError, now_ms, safe_name
from appliance.exchange.bids_read import BidsLayout
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.disk import require_space, storing
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
from appliance.exchange.existing_rows import PSID, Part, SourceRows
from appliance.exchange.layouts import Tree
from appliance.exchange.names import item_key
from appliance.exchange.receipts import add_items, set_receipt
from appliance.exchange.rows import ItemState, ReceiptState
from appliance.privacy import Identity, ProjectPolicy

if TYPE_CHECKING:
    from appliance.catalog import NewFile, Project, Source, Tx

__all__ = ["Reading", "Stopped"]

_T = TypeVar("_T")
_R = TypeVar("_R")
_CHUNK = 2000  # files; a transaction of some 50 ms
_MOST_BYTES = 16 << 20  # of the JSON files of a chunk
_NOTE_EVERY_S = 1.0
_THREADS = 6  # they wait for the disk
_WAITING = 3.0  # so many times longer than it works, a thread waits: then more of them help
_MOST_PROBLEMS = 1000
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
        self._tree = Tree(self._root)
        self._folders: set[str] = set()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="existing")
        self._behind = ThreadPoolExecutor(1, thread_name_prefix="existing-rows")
        self._entering: Future[None] | None = None
        self._slow = False
        self._noted = 0.0
        self._problems: list[Unplaced] = []
        self._rows = SourceRows(ctx, project, self._origin)
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
            with self._pool, self._behind:
                self._enter_all()
                durable = self._behind.submit(_sync, self._ctx.folder.projects)
                self._fill_headers()
                self._retire_gone()
                durable.result()
        except StorageError as error:  # full, or not mounted: it waits and is tried again
            self._put(ReceiptState.PENDING, error.message, error.hint)
            return
        except ApplianceError as error:
            self.fail(error.message, error.hint)
            return
        self._conclude()

    def fail(self, reason: str, hint: str) -> None:
        """End as failed; what was entered stays."""
        self._put(ReceiptState.FAILED, reason, hint)

    def _enter_all(self) -> None:
        self._ctx.folder.check_marker(self._ctx.folder.projects)
        self._measure()
        layout = layout_of(self._root, self._options)
        self._rows.bids = layout if isinstance(layout, BidsLayout) else None
        self._rows.open()
        files = place_files(self._tree, layout, self._options, self._coder(), self._hear)
        for chunk in _chunks(files):
            parts = self._put_files(chunk)
            crash_point("existing.placed")
            self._await_rows()
            self._entering = self._behind.submit(self._enter, parts)
            self._look_up()
        self._await_rows()
        self._note()

    def _measure(self) -> None:
        """Count what there is, for the progress; and see whether copies have room."""
        self.n_total, need = self._tree.measure()
        require_space(
            self._ctx.folder, self._ctx.settings, need if self._options.mode == "copy" else 0
        )

    def _await_rows(self) -> None:
        """Wait until the rows of the chunk before are in the catalog."""
        if self._entering is not None:
            self._entering.result()
            self._entering = None

    def _look_up(self) -> None:
        """Say how far it is; end if somebody wants that."""
        wish = self._wish()
        if wish:
            self._await_rows()
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

    def _put_files(self, chunk: Sequence[PlacedFile]) -> list[Part]:
        """Put files into their places, study by study; gives what is new or has changed of each."""
        groups = [list(g) for _, g in groupby(chunk, key=PSID)]
        wanted = [self._wanted(PSID(files[0]), files) for files in groups]
        done = self._each(lambda some: put_and_look(some, self._options.mode), wanted)
        settled = [self._settle(*pair) for pair in zip(wanted, done, strict=True)]
        return [(files[0], some) for files, some in zip(groups, settled, strict=True) if some]

    def _each(self, work: Callable[[_T], _R], parts: Sequence[_T]) -> list[_R]:
        """Do work that reads or writes files: here, or in many threads if it is spent waiting."""
        if self._slow:
            return list(self._pool.map(work, parts))
        began, worked = time.monotonic(), time.thread_time()
        done = [work(part) for part in parts]
        spent, worked = time.monotonic() - began, time.thread_time() - worked
        self._slow = spent > 0.1 and spent > _WAITING * worked
        return done

    def _enter(self, parts: Sequence[Part]) -> None:
        """Put the rows of files that are in their places into the catalog."""
        ids = self._ctx.catalog.write(lambda tx: self._rows.write(tx, parts))
        self._rows.alive.update(ids)
        self.n_done += len(ids)
        self.size_bytes += sum(file.size_bytes for _, files in parts for file in files)
        crash_point("existing.entered")

    def _wanted(self, psid: tuple[str, str], files: list[PlacedFile]) -> list[Wanted]:
        """Give the files of one study that nobody threw away, each with what is known of it."""
        known = self._rows.known(psid, [file.path for file in files])
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
            if row is not None and ours:
                facts = (row["size_bytes"], row["mtime_ns"])
                found.append(Wanted(file, target, facts, row["id"]))
            else:
                found.append(Wanted(file, target, None))
        return found

    def _settle(self, wanted: list[Wanted], done: Iterable[NewFile | str | None]) -> list[NewFile]:
        """Count what was put into its place; gives what is new or has changed."""
        fresh = []
        for one, found in zip(wanted, done, strict=True):
            if isinstance(found, str):
                self._hear(Unplaced(one.file.source, found))
            elif found is None:
                self.n_same += 1
                self._rows.alive.add(one.file_id)
            else:
                fresh.append(found)
        return fresh

    def _make(self, folder: str) -> None:
        if folder in self._folders:
            return
        with storing(folder):
            try:
                os.mkdir(folder)  # noqa: PTH102 - called for many
            except FileExistsError:
                pass
            except FileNotFoundError:
                self._make(folder.rpartition("/")[0])
                os.mkdir(folder)  # noqa: PTH102
        self._folders.add(folder)

    def _fill_headers(self) -> None:
        """Read the headers of images that are new; what is damaged is told."""
        from appliance.catalog import put_headers

        for rows in self._rows.unread():
            found = self._each(self._header, rows)
            for problem in (one for one in found if isinstance(one, Unplaced)):
                self._hear(problem)
            known = [
                (row["id"], one)
                for row, one in zip(rows, found, strict=True)
                if isinstance(one, dict)
            ]
            self._ctx.catalog.write(
                lambda tx, known=known: put_headers(tx, known)  # type: ignore[misc]
            )
            self._look_up()

    def _header(self, row: Any) -> dict[str, Any] | Unplaced | None:
        from appliance.formats import file_facts

        path = self._rows.path(row)
        try:
            return file_facts(Path(path), strict=True)["header"]
        except (ApplianceError, OSError) as error:
            reason = error.message if isinstance(error, ApplianceError) else str(error.strerror)
            return Unplaced(path, f"damaged: {reason}")

    def _retire_gone(self) -> None:
        """Put files into the trash whose links lead nowhere any more; an undo brings them back."""
        from appliance.catalog import trash_files

        if self._options.mode != "stay":
            return
        if self.n_total == 0:
            raise StorageError("the folder is empty", hint="Is its disk mounted? Then retry.")
        gone = [
            row["id"]
            for row in self._rows.others()
            if not os.path.exists(self._rows.path(row))  # noqa: PTH110 - for many
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


def _chunks(files: Iterable[PlacedFile]) -> Iterator[list[PlacedFile]]:
    """Give so many files at a time as one transaction takes."""
    chunk: list[PlacedFile] = []
    n_bytes = 0
    for file in files:
        chunk.append(file)
        n_bytes += file.size_bytes if file.path.endswith(".json") else 0
        if len(chunk) >= _CHUNK or n_bytes > _MOST_BYTES:
            yield chunk
            chunk, n_bytes = [], 0
    if chunk:
        yield chunk


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
