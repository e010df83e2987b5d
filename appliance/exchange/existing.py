"""Projects from data that exist: a folder is read into a project, file by file, as one arrival.

The folder itself is never changed. Reading it again takes what is new and leaves the rest.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.core import Conflict, Invalid, NotFound
from appliance.exchange.context import Context
from appliance.exchange.existing_plan import (
    ExistingOptions,
    ExistingPreview,
    check_layout,
    preview_tree,
)
from appliance.exchange.existing_run import Reading, Stopped
from appliance.exchange.once import OncePerRow
from appliance.exchange.receipts import get_receipt, open_receipt, set_receipt
from appliance.exchange.rows import ArrivalKind, Options, ReceiptDetail, ReceiptState
from appliance.privacy import ProjectPolicy

if TYPE_CHECKING:
    from appliance.catalog import Source, Tx

__all__ = ["EXISTING_STEP", "ExistingData"]

_LOG = logging.getLogger(__name__)
EXISTING_STEP = "exchange.existing"
_OPEN = (ReceiptState.RECEIVING, ReceiptState.PENDING, ReceiptState.WORKING)


class ExistingData:
    """Reads folders of existing data into projects.

    Parameters
    ----------
    ctx : Context
        The rooms below.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._once = OncePerRow()
        self._stop_keys: set[str] = set()
        self._closing = threading.Event()
        ctx.queue.register_step(EXISTING_STEP, self._step)

    def close(self) -> None:
        """Let a reading end at its next stop; the next start goes on with it."""
        self._closing.set()

    def open(self) -> None:
        """Allow readings, and links into the folders that are known."""
        self._closing.clear()
        self._allow_links()

    def preview(self, root: Path, options: ExistingOptions) -> ExistingPreview:
        """Tell what would come of a folder; nothing is changed.

        Raises
        ------
        NotFound, Invalid
            If there is no such folder, or its layout cannot be told.
        """
        return preview_tree(self._checked(root, options), options)

    def check(self, root: Path, options: ExistingOptions) -> None:
        """Refuse a folder that cannot be read.

        Raises
        ------
        NotFound, Invalid
            As `begin`.
        """
        check_layout(self._checked(root, options), options)

    def begin(
        self, project: str, root: Path, options: ExistingOptions, *, actor: str
    ) -> ReceiptDetail:
        """Add a folder to a project and begin to read it.

        Raises
        ------
        NotFound, Invalid
            If there is no such project or folder, or its layout cannot be told.
        Conflict
            If the folder is being read just now, or the project is not in use.
        """
        from appliance.catalog import add_source

        root = self._checked(root, options)
        check_layout(root, options)
        project_id = self._open_project(project)

        def write(tx: Tx) -> tuple[str, str]:
            source = add_source(
                tx,
                project_id,
                str(root),
                layout=options.layout,
                mode=options.mode,
                options={"pattern": options.pattern, "subjects": options.subjects},
            )
            _, receipt = self._open(tx, source)
            target = {"project_id": project_id, "project": project, "source": source.key}
            tx.operation("add-source", actor=actor, target=target)
            return source.key, receipt

        _, key = self._ctx.catalog.write(write)
        self._allow_links()
        return self._go(key)

    def update(self, source_key: str) -> ReceiptDetail:
        """Read a folder again: what is new or has changed comes in.

        Raises
        ------
        NotFound, Conflict
            As `begin`.
        """
        from appliance.catalog import get_source

        with self._ctx.catalog.read() as con:
            source = get_source(con, source_key)
        self._checked(Path(source.root), _options(source))
        self._open_project(source.project)
        self._allow_links()
        _, key = self._ctx.catalog.write(lambda tx: self._open(tx, source))
        return self._go(key)

    def stop(self, key: str) -> None:
        """Have a reading end soon; what it has entered stays.

        Raises
        ------
        Conflict
            If it does not run.
        """
        with self._ctx.catalog.read() as con:
            receipt = get_receipt(con, key)
        if receipt.kind != ArrivalKind.EXISTING or receipt.state not in _OPEN:
            raise Conflict("this is not being read")
        self._stop_keys.add(key)

    def again(self, receipt: ReceiptDetail) -> None:
        """Read the folder of an arrival once more, because of what failed."""

        def write(tx: Tx) -> None:
            tx.con.execute("DELETE FROM receipt_items WHERE receipt_id = ?", (receipt.id,))
            set_receipt(tx, receipt.id, ReceiptState.PENDING)

        if receipt.state in _OPEN:
            raise Conflict("this is being read just now")
        self._ctx.catalog.write(write)
        self._ctx.ask(EXISTING_STEP, receipt.id)

    def _checked(self, root: Path, options: ExistingOptions) -> Path:
        if not root.is_absolute():
            raise Invalid("the folder is not named by its whole path", hint="Begin it with '/'.")
        if not root.is_dir():
            raise NotFound(f"there is no folder {root}", hint="Is its disk mounted?")
        real, home = root.resolve(), self._ctx.folder.root.resolve()
        if real.is_relative_to(home) or home.is_relative_to(real):
            raise Invalid("this folder holds, or lies within, the data folder")
        if options.mode == "link" and real.stat().st_dev != home.stat().st_dev:
            raise Invalid(
                "the folder lies on another disk: files cannot get a second name here",
                hint="Let the files stay where they are, or copy them.",
            )
        return Path(os.path.normpath(root))

    def _open_project(self, name: str) -> int:
        from appliance.catalog import check_quota, get_project, require_open

        with self._ctx.catalog.read() as con:
            project = get_project(con, name)
            require_open(con, project.id)
            check_quota(con, project)
        return project.id

    def _open(self, tx: Tx, source: Source) -> tuple[int, str]:
        row = tx.con.execute(
            "SELECT key FROM receipts WHERE kind = ? AND state IN (?, ?, ?)"
            " AND json_extract(options, '$.source_key') = ?",
            (ArrivalKind.EXISTING, *_OPEN, source.key),
        ).fetchone()
        if row is not None:
            raise Conflict("this folder is being read just now", hint="Wait until it is done.")
        name = "BIDS dataset" if source.layout == "bids" else ""
        options = Options(source_key=source.key)
        return open_receipt(tx, source.project_id, ArrivalKind.EXISTING, name, options)

    def _allow_links(self) -> None:
        from appliance.catalog import write_linked_roots

        with self._ctx.catalog.read() as con:
            write_linked_roots(con, self._ctx.folder)

    def _go(self, key: str) -> ReceiptDetail:
        with self._ctx.catalog.read() as con:
            receipt = get_receipt(con, key)
        self._ctx.ask(EXISTING_STEP, receipt.id)
        return receipt

    def _step(self, receipt_id: int) -> None:
        self._once.run(self._read, receipt_id)

    def _read(self, receipt_id: int) -> None:
        from appliance.catalog import get_project, get_source

        with self._ctx.catalog.read() as con:
            row = con.execute("SELECT * FROM receipts WHERE id = ?", (receipt_id,)).fetchone()
            if row is None or row["state"] not in _OPEN:
                return
            told = msgspec.json.decode(row["options"], type=Options)
            source = get_source(con, told.source_key or "")
            project = get_project(con, source.project)
        reading = Reading(
            self._ctx,
            row,
            source,
            project,
            policy=ProjectPolicy.of(project.policy),
            options=_options(source),
            wish=self._wish(str(row["key"])),
        )
        try:
            reading.run()
        except Stopped as stopped:
            _LOG.info("reading %s was stopped: %s", row["key"], stopped)
        except Exception:
            reading.fail("a fault in the service", "The log tells more. Nothing is lost; retry.")
            raise
        finally:
            self._stop_keys.discard(str(row["key"]))

    def _wish(self, key: str) -> Callable[[], str]:
        """Give what tells why a reading should end now: ``""``, ``closing`` or ``stop``."""

        def wish() -> str:
            if self._closing.is_set():
                return "closing"
            return "stop" if key in self._stop_keys else ""

        return wish


def _options(source: Source) -> ExistingOptions:
    return msgspec.convert(
        {**source.options, "layout": source.layout, "mode": source.mode}, ExistingOptions
    )
