"""How an attempt made its files: a record that is kept longer than the job and its run folder."""

from __future__ import annotations

import hashlib
import json
import platform
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance import __version__
from appliance.catalog import (
    Tx,
    find_study,
    get_file,
    get_project,
    project_root,
    study_files,
)
from appliance.core import DataFolder, NotFound, now_ms
from appliance.jobs.boutiques import CONTAINER_NOTE
from appliance.jobs.inputs import Fact, look_at
from appliance.jobs.plan import Plan, plan_of
from appliance.jobs.registering import Found

__all__ = [
    "Remark",
    "fill_hashes",
    "look_after",
    "made_in_study",
    "origin_of",
    "plan_text",
    "put_record",
    "read_record",
    "read_records",
    "restore_records",
    "write_record",
]

_MOST_BYTES = 32 << 20
_MOST_SCRIPT = 200_000
_SCRIPTS = (".sh", ".py", ".m")
_ATTEMPT = """
SELECT a.*, b.key AS batch_key, b.name AS batch_name, b.actor FROM attempt a
JOIN job j ON j.id = a.job_id JOIN batch b ON b.id = j.batch_id WHERE a.job_id = ? AND a.n = ?
"""
_NAMED = "SELECT record FROM provenance WHERE origin = ?"
_HASHED = """
UPDATE provenance_file SET sha256 = (SELECT f.sha256 FROM files f WHERE f.id = file_id)
WHERE sha256 IS NULL AND (file_id, size_bytes, mtime_ns) IN (
  SELECT f.id, f.size_bytes, f.mtime_ns FROM provenance_file o
  CROSS JOIN files f ON f.id = o.file_id WHERE o.sha256 IS NULL AND f.sha256 IS NOT NULL)
"""


@dataclass
class Remark:
    """What only the disk tells of an attempt that has ended."""

    script: dict[str, str] = field(default_factory=dict)
    runtime: str = ""
    spec: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        """The command without what put it into its sandbox."""
        argv: list[str] = self.spec.get("argv", [])
        return argv[argv.index("--") + 1 :] if argv[:1] == ["bwrap"] else argv


def origin_of(job: sqlite3.Row) -> str:
    """Name the present attempt of a job, as files say where they come from."""
    return f"attempt:{job['key']}/{job['attempt']}"


def look_after(
    con: sqlite3.Connection, folder: DataFolder, job: sqlite3.Row, run_dir: Path, found: Found
) -> Remark:
    """Read the scripts of an attempt, and hash what it made as far as that is quick."""
    remark = Remark(_scripts(run_dir), _runtime(run_dir), _json(run_dir / "spec.json"))
    room = _MOST_BYTES
    for new in found:
        fact = look_at(new.path, None, room)
        if fact is not None:
            remark.facts[str(new.path)] = fact
            room -= fact.size_bytes if fact.sha256 else 0
    root = project_root(folder, job["project"])
    for row in _inputs(con, job):
        remark.names[row["path"]] = _name(con, root, Path(row["path"]), row["file_id"])
    remark.names |= {str(new.path): _name(con, root, new.path, None) for new in found}
    return remark


def write_record(tx: Tx, job: sqlite3.Row, remark: Remark) -> None:
    """Write how the files of an attempt were made, after they are in the catalog."""
    origin = origin_of(job)
    _take_over(tx, job, origin)
    made = _made(tx.con, origin, job)
    if not made:
        return
    inputs = _listed(_inputs(tx.con, job), remark)
    outputs = _listed(made, remark)
    plan, text = plan_of(job), str(job["spec"])
    digest = hashlib.sha256(text.encode()).hexdigest()
    record = _about(tx.con, job, remark) | {
        "origin": origin,
        "plan": digest,
        "tool": plan.job.tool and [plan.job.tool, plan.tool_version, plan.tool_sha256],
        "container": _container(plan, remark),
        "inputs": inputs,
        "outputs": outputs,
    }
    tx.con.execute("INSERT OR IGNORE INTO provenance_plan VALUES (?, ?)", (digest, text))
    put_record(tx, record)
    _put_hashes(tx, job, outputs)


def put_record(tx: Tx, record: dict[str, Any]) -> None:
    """Write a record and the files that it names by their ids."""
    origin = record["origin"]
    tx.con.execute(
        "INSERT OR REPLACE INTO provenance VALUES (?, ?, ?)", (origin, now_ms(), json.dumps(record))
    )
    tx.con.executemany(
        "INSERT OR REPLACE INTO provenance_file VALUES (?, ?, ?, ?, ?, ?)",
        [
            (origin, dir_, one["id"], one["size_bytes"], one["mtime_ns"], one["sha256"])
            for dir_, files in (("in", record["inputs"]), ("out", record["outputs"]))
            for one in files
            if one["id"] is not None
        ],
    )


def read_record(con: sqlite3.Connection, origin: str) -> dict[str, Any]:
    """Give a record, with the hashes that were filled in since.

    Raises
    ------
    NotFound
        If nothing is known of it.
    """
    row = con.execute(_NAMED, (origin,)).fetchone()
    if row is None:
        raise NotFound(f"nothing is recorded about {origin}")
    record: dict[str, Any] = json.loads(row["record"])
    hashes = {
        (one["dir"], one["file_id"]): one["sha256"]
        for one in con.execute("SELECT * FROM provenance_file WHERE origin = ?", (origin,))
    }
    for dir_, name in (("in", "inputs"), ("out", "outputs")):
        for one in record[name]:
            one["sha256"] = one["sha256"] or hashes.get((dir_, one["id"]))
    return record


def read_records(con: sqlite3.Connection, origins: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Give those records that there are, by origin."""
    found = {}
    for origin in origins:
        try:
            found[origin] = read_record(con, origin)
        except NotFound:
            continue
    return found


def plan_text(con: sqlite3.Connection, record: dict[str, Any]) -> str:
    """Give the effective specification that a record names by its hash."""
    row = con.execute(
        "SELECT plan FROM provenance_plan WHERE sha256 = ?", (record["plan"],)
    ).fetchone()
    if row is None:
        raise NotFound("the specification of that attempt is not kept")
    return str(row["plan"])


def made_in_study(con: sqlite3.Connection, study_id: int) -> dict[str, Any]:
    """Give the records behind the files of a study, to be kept beside them.

    Returns
    -------
    dict
        ``records`` by origin, and ``plans`` by hash.
    """
    rows = con.execute(
        "SELECT DISTINCT origin FROM files WHERE study_id = ? AND origin LIKE 'attempt:%'"
        " ORDER BY 1",
        (study_id,),
    ).fetchall()
    records = read_records(con, [row["origin"] for row in rows])
    plans = {record["plan"]: json.loads(plan_text(con, record)) for record in records.values()}
    return {"records": records, "plans": plans} if records else {}


def restore_records(tx: Tx, kept: Iterable[dict[str, Any]]) -> int:
    """Enter records that were kept beside files, where the catalog lacks them; count them.

    Files are found again by project, study and path, so all studies have to be entered before.
    """
    files, n = _Files(tx.con), 0
    for one in kept:
        for digest, plan in one.get("plans", {}).items():
            text = json.dumps(plan)
            tx.con.execute("INSERT OR IGNORE INTO provenance_plan VALUES (?, ?)", (digest, text))
        for origin, record in one.get("records", {}).items():
            if tx.con.execute(_NAMED, (origin,)).fetchone() is None:
                put_record(tx, files.named(record))
                n += 1
    return n


class _Files:
    """Ids of files by their names, which may be others than when a record was written."""

    def __init__(self, con: sqlite3.Connection) -> None:
        self._con = con
        self._known: dict[tuple[str, str], dict[str, int]] = {}

    def named(self, record: dict[str, Any]) -> dict[str, Any]:
        """Give a record with the ids that its files have now."""
        project = record["project"]
        return record | {
            name: [one | {"id": self._of(project, one["psid"]).get(one["path"])} for one in files]
            for name, files in record.items()
            if name in ("inputs", "outputs")
        }

    def _of(self, project: str, psid: str) -> dict[str, int]:
        key = project, psid
        if key not in self._known:
            try:
                study = find_study(self._con, get_project(self._con, project).id, psid)
                self._known[key] = {file.path: file.id for file in study_files(self._con, study)}
            except NotFound:
                self._known[key] = {}
        return self._known[key]


def fill_hashes(tx: Tx) -> int:
    """Take over hashes that the catalog has got since, of files that are as they were; count."""
    if tx.con.execute("SELECT 1 FROM provenance_file WHERE sha256 IS NULL LIMIT 1").fetchone():
        return int(tx.con.execute(_HASHED).rowcount)
    return 0


def _about(con: sqlite3.Connection, job: sqlite3.Row, remark: Remark) -> dict[str, Any]:
    run = con.execute(_ATTEMPT, (job["id"], job["attempt"])).fetchone()
    own = ("key", "name", "function", "spec_sha256", "seq", "level")
    facts = ("host", "adapter", "started_at", "ended_at", "wall_s", "cpu_s", "maxrss_kb")
    keys = job.keys()
    return {
        "format": 1,
        "project": job["project"],
        "psid": job["psid"],
        "job": {name: job[name] for name in own if name in keys},
        "batch": {"key": run["batch_key"], "name": run["batch_name"]},
        "attempt": job["attempt"],
        "user": run["actor"],
        **{name: run[name] for name in facts},
        "resources": {name: job[name] for name in ("cpus", "memory_mb", "gpus")},
        "gpus": json.loads(run["gpu_uuids"]),
        "versions": {"appliance": __version__, "python": platform.python_version()},
        "script": remark.script,
        "command": remark.command,
        "values": remark.spec.get("values", {}),
        "env": remark.spec.get("resolved_env", {}),
        "declared": _declared(con, job),
    }


def _inputs(con: sqlite3.Connection, job: sqlite3.Row) -> list[sqlite3.Row]:
    return con.execute(
        "SELECT * FROM job_file WHERE job_id = ? AND n = ? AND dir = 'in' ORDER BY id",
        (job["id"], job["attempt"]),
    ).fetchall()


def _made(con: sqlite3.Connection, origin: str, job: sqlite3.Row) -> list[sqlite3.Row]:
    """Give what it made: files of the catalog that say so, and files outside of studies."""
    return con.execute(
        "SELECT o.* FROM job_file o LEFT JOIN files f ON f.id = o.file_id WHERE o.job_id = ?"
        " AND o.n = ? AND o.dir = 'out' AND o.size_bytes IS NOT NULL"
        " AND (o.file_id IS NULL OR f.origin = ?) ORDER BY o.id",
        (job["id"], job["attempt"], origin),
    ).fetchall()


def _declared(con: sqlite3.Connection, job: sqlite3.Row) -> list[list[Any]]:
    rows = con.execute(
        "SELECT arg_id, path FROM job_file WHERE job_id = ? AND n = ? AND dir = 'out'"
        " AND arg_id <> 'tag' ORDER BY id",
        (job["id"], job["attempt"]),
    ).fetchall()
    promised = {row["arg_id"].removesuffix("/") for row in rows if row["arg_id"].endswith("/")}
    return [
        [row["arg_id"].removesuffix("/"), row["path"], row["arg_id"].endswith("/")]
        for row in rows
        if row["arg_id"].endswith("/") or row["arg_id"] not in promised  # what lies in a folder
    ]


def _take_over(tx: Tx, job: sqlite3.Row, origin: str) -> None:
    """A file that an earlier attempt of the job made and this one left as it was is its, too."""
    for row in tx.con.execute(
        "SELECT f.id, f.study_id FROM job_file o JOIN files f ON f.id = o.file_id"
        " WHERE o.job_id = ? AND o.n = ? AND o.dir = 'out' AND o.arg_id <> 'tag'"
        " AND f.origin LIKE ? AND f.origin <> ?",
        (job["id"], job["attempt"], f"attempt:{job['key']}/%", origin),
    ).fetchall():
        tx.con.execute("UPDATE files SET origin = ? WHERE id = ?", (origin, row["id"]))
        tx.event(
            "files.changed",
            project=job["project"],
            study_id=row["study_id"],
            file_ids=[row["id"]],
        )


def _listed(rows: Sequence[sqlite3.Row], remark: Remark) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        psid, path = remark.names.get(row["path"], ("", row["path"]))
        fact = remark.facts.get(row["path"])
        found[row["path"]] = {
            "arg": row["arg_id"].removesuffix("/"),
            "id": row["file_id"],
            "psid": psid,
            "path": path,
            "at": row["path"],
            "size_bytes": row["size_bytes"],
            "mtime_ns": row["mtime_ns"],
            "sha256": row["sha256"] or (fact.sha256 if fact else None),
        }
    return list(found.values())


def _put_hashes(tx: Tx, job: sqlite3.Row, outputs: list[dict[str, Any]]) -> None:
    """Hand the hashes of what was made to the catalog and to the files of the attempt."""
    known = [
        (one["sha256"], one["id"], one["size_bytes"], one["mtime_ns"])
        for one in outputs
        if one["sha256"] and one["id"] is not None
    ]
    where = " WHERE sha256 IS NULL AND {} = ? AND size_bytes = ? AND mtime_ns = ?"
    tx.con.executemany("UPDATE files SET sha256 = ?" + where.format("id"), known)
    tx.con.executemany(
        f"UPDATE job_file SET sha256 = ?{where.format('file_id')} AND job_id = ? AND n = ?",
        [(*one, job["id"], job["attempt"]) for one in known],
    )


def _name(con: sqlite3.Connection, root: Path, path: Path, file_id: int | None) -> tuple[str, str]:
    """Give the study of a path and its place in it; a link's file lies elsewhere."""
    if path.is_relative_to(root):
        parts = path.relative_to(root).parts
        if len(parts) > 2:
            return f"{parts[0]}#{parts[1]}", "/".join(parts[2:])
    try:
        row = get_file(con, file_id or 0)
    except NotFound:
        return "", str(path)
    return row.psid, row.path


def _scripts(run_dir: Path) -> dict[str, str]:
    return {
        path.name: path.read_text(encoding="utf-8", errors="replace")
        for path in sorted(run_dir.glob("*"))
        if path.suffix in _SCRIPTS and path.is_file() and path.stat().st_size <= _MOST_SCRIPT
    }


def _runtime(run_dir: Path) -> str:
    """Tell what ran its container, as its script noted; empty when there was none."""
    path = run_dir / CONTAINER_NOTE
    is_note = path.is_file() and path.stat().st_size < 100
    return path.read_text(errors="replace").strip() if is_note else ""


def _container(plan: Plan, remark: Remark) -> dict[str, str] | None:
    image = (plan.recipe or {}).get("container-image", {})
    if not remark.runtime or not image.get("image"):
        return None
    return {"type": image["type"], "image": image["image"], "runtime": remark.runtime}


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found
