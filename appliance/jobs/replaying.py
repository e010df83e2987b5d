"""Asks for replays of recorded attempts, and gives their reports."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from appliance.catalog import Catalog, FileRow, file_path, get_file
from appliance.core import Conflict, DataFolder, NotFound, content_of, sha256_file
from appliance.jobs.records import plan_text, read_record
from appliance.jobs.replay import REPORT
from appliance.jobs.structs import BatchSpec, JobSpec, Resources, Submitted

__all__ = ["ReplayReport", "ReplayedFile", "Replays"]

_CODE = "from appliance.jobs.replay import main\n\nmain({!r})\n"
_QUICK_BYTES = 4 << 20
_HINT = "Without the same inputs it would only tell that they differ."
Submit = Callable[[BatchSpec, Sequence[str], str], Submitted]


class ReplayedFile(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one output: ``equal``, ``differs``, ``missing`` or ``unknown``.

    Attributes
    ----------
    difference : dict
        ``first_byte``, ``sizes``, and of images ``max_abs_difference``, of JSON files ``keys``.
    """

    path: str
    psid: str
    arg: str
    result: str
    sha256: str | None = None
    new_sha256: str | None = None
    difference: dict[str, Any] = msgspec.field(default_factory=dict)
    note: str = ""


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay found: ``equal``, ``differs``, ``failed``, ``refused``, or ``running``."""

    job_key: str
    result: str
    text: str
    outputs: list[ReplayedFile] = msgspec.field(default_factory=list)


class Replays:
    """Replays of one appliance.

    Parameters
    ----------
    catalog, folder
        Where records, files and run folders are.
    submit : callable
        Starts a batch.
    matlab : str
        The setting ``jobs.matlab_command``.
    """

    def __init__(
        self, catalog: Catalog, folder: DataFolder, submit: Submit, matlab: str = ""
    ) -> None:
        self._catalog, self._folder = catalog, folder
        self._submit, self._matlab = submit, matlab

    def start(self, file_id: int, actor: str) -> str:
        """Run again what made a file, in a scratch folder; gives the key of the job.

        Raises
        ------
        NotFound
            If nothing is recorded about the file.
        Conflict
            If an input is gone or not what it was.
        """
        with self._catalog.read() as con:
            file = get_file(con, file_id)
            record = read_record(con, file.origin or "")
            request = {
                "plan": plan_text(con, record),
                "inputs": [self._place(con, one) for one in record["inputs"]],
                "outputs": [self._place(con, one, is_input=False) for one in record["outputs"]],
                "matlab": self._matlab,
                **{name: record[name] for name in ("declared", "values", "env")},
            }
        accepted = self._submit(_batch(file, record, request), [file.psid], actor)
        with self._catalog.read() as con:
            row = con.execute(
                "SELECT j.key FROM job j JOIN batch b ON b.id = j.batch_id WHERE b.key = ?",
                (accepted.key,),
            ).fetchone()
        return str(row["key"])

    def report(self, key: str) -> ReplayReport:
        """Give what a replay found, as far as it is.

        Raises
        ------
        NotFound
            If the job does not exist.
        """
        with self._catalog.read() as con:
            row = con.execute(
                "SELECT j.state, j.why, a.run_dir FROM job j LEFT JOIN attempt a"
                " ON a.job_id = j.id AND a.n = j.attempt WHERE j.key = ?",
                (key,),
            ).fetchone()
        if row is None:
            raise NotFound(f"no job {key}")
        path = Path(row["run_dir"] or "/nowhere") / "work" / REPORT
        if path.is_file():
            found = json.loads(path.read_bytes())
            return msgspec.convert({"job_key": key, **found}, ReplayReport)
        over = row["state"] in ("failed", "lost", "cancelled", "done", "unresolved", "skipped")
        return ReplayReport(job_key=key, result="failed" if over else "running", text=row["why"])

    def _place(
        self, con: sqlite3.Connection, one: dict[str, Any], *, is_input: bool = True
    ) -> dict[str, Any]:
        """Add where a file lies now; an input has to be what it was."""
        try:
            path = file_path(self._folder, get_file(con, one["id"] or 0))
        except NotFound:
            path = Path(one["at"])
            if is_input:
                text = f"{one['path']}, which it was made from, is gone or in the trash"
                raise Conflict(text, hint=_HINT) from None
        if is_input and (wrong := _wrong(path, one)):
            raise Conflict(f"{one['path']} {wrong}", hint=_HINT)
        return {**one, "now": str(path)}


def _wrong(path: Path, one: dict[str, Any]) -> str:
    """Say quickly why an input is not what it was; the job looks again, at every byte."""
    try:
        found = content_of(path)
        if found.size_bytes != one["size_bytes"]:
            return "is not what it was: its size differs"
        if found.mtime_ns == one["mtime_ns"]:
            return ""
        if one["sha256"] is None:
            return "was changed since, and was not hashed when it was used"
        if found.size_bytes <= _QUICK_BYTES and sha256_file(path) != one["sha256"]:
            return "is not what it was: its content differs"
    except OSError:
        return "is gone"
    return ""


def _batch(file: FileRow, record: dict[str, Any], request: dict[str, Any]) -> BatchSpec:
    code = _CODE.format(json.dumps(request).encode().hex())
    need = Resources(**record["resources"])
    job = JobSpec(name=f"replay of {record['job']['name']}", language="python", code=code)
    job = msgspec.structs.replace(job, resources=need, adapter="local")
    name = f"Replay of {file.path}"
    return BatchSpec(name=name, project=file.project, jobs=(job,))
