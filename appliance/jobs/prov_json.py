"""Records as PROV-JSON of the W3C: entities, activities, agents, and how they hang together."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from appliance.core import NotFound, iso
from appliance.jobs.records import read_records

__all__ = ["origins_of_batch", "origins_of_file", "prov_document"]

_PREFIXES = {
    "prov": "http://www.w3.org/ns/prov#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "nora": "urn:nora:",
}
_ABOVE = """
WITH RECURSIVE above(id, origin) AS (
  SELECT f.id, f.origin FROM files f WHERE f.id = ?
  UNION
  SELECT n.id, n.origin FROM above a CROSS JOIN provenance_file i
  ON i.origin = a.origin AND i.dir = 'in' CROSS JOIN files n ON n.id = i.file_id
) SELECT DISTINCT origin FROM above WHERE origin LIKE 'attempt:%' ORDER BY 1
"""
_OF_BATCH = """
SELECT p.origin FROM batch b CROSS JOIN job j ON j.batch_id = b.id
CROSS JOIN attempt a ON a.job_id = j.id
CROSS JOIN provenance p ON p.origin = 'attempt:' || j.key || '/' || a.n WHERE b.key = ? ORDER BY 1
"""


def origins_of_file(con: sqlite3.Connection, file_id: int) -> list[str]:
    """List the attempts that a file goes back to."""
    found = [row["origin"] for row in con.execute(_ABOVE, (file_id,))]
    if not found:
        raise NotFound("no job made this file")
    return found


def origins_of_batch(con: sqlite3.Connection, key: str) -> list[str]:
    """List the attempts of a batch that made files."""
    found = [row["origin"] for row in con.execute(_OF_BATCH, (key,))]
    if not found:
        raise NotFound("no file of this batch is recorded")
    return found


def prov_document(con: sqlite3.Connection, origins: Iterable[str]) -> dict[str, Any]:
    """Give the PROV-JSON document about some attempts."""
    document = _Document()
    for record in read_records(con, origins).values():
        document.add(record)
    return {"prefix": _PREFIXES, **document.parts}


class _Document:
    """Statements by kind; each has a name of its own."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, Any]] = {"entity": {}, "activity": {}, "agent": {}}

    def add(self, record: dict[str, Any]) -> None:
        """Say how one attempt made its files."""
        activity = _activity_name(record)
        self._activity(activity, record)
        used = [self._file(record["project"], one) for one in record["inputs"]]
        made = [self._file(record["project"], one) for one in record["outputs"]]
        for name, one in zip(used, record["inputs"], strict=True):
            facts = {"prov:activity": activity, "prov:entity": name, "prov:role": one["arg"]}
            self._say("used", facts)
        for name, one in zip(made, record["outputs"], strict=True):
            facts = {"prov:activity": activity, "prov:entity": name, "prov:role": one["arg"]}
            self._say("wasGeneratedBy", facts)
            for source in used:
                derived = {"prov:generatedEntity": name, "prov:usedEntity": source}
                self._say("wasDerivedFrom", derived | {"prov:activity": activity})

    def _activity(self, name: str, record: dict[str, Any]) -> None:
        self.parts["activity"][name] = {
            "prov:startTime": iso(record["started_at"]),
            "prov:endTime": iso(record["ended_at"] or record["started_at"]),
            "prov:label": record["job"]["name"],
            "nora:batch": record["batch"]["name"],
            "nora:attempt": record["attempt"],
            "nora:host": record["host"],
            "nora:resources": json.dumps(record["resources"]),
            "nora:command": json.dumps(record["command"]),
        }
        plan = f"nora:plan/{record['plan'][:16]}"
        text = "\n".join(record["script"].values())
        self.parts["entity"][plan] = {"prov:type": _type("prov:Plan"), "nora:script": text}
        if record["tool"]:
            tool, version, digest = record["tool"]
            more = {"nora:tool": tool, "nora:version": version, "nora:sha256": digest}
            self.parts["entity"][plan] |= more
        person = f"nora:user/{_safe(record['user'])}"
        self.parts["agent"][person] = {"prov:type": _type("prov:Person")}
        version = record["versions"]["appliance"]
        software = f"nora:software/appliance-{_safe(version)}"
        self.parts["agent"][software] = {
            "prov:type": _type("prov:SoftwareAgent"),
            "nora:python": record["versions"]["python"],
        }
        self._say("wasAssociatedWith", {"prov:activity": name, "prov:agent": person})
        by = {"prov:activity": name, "prov:agent": software, "prov:plan": plan}
        self._say("wasAssociatedWith", by)

    def _file(self, project: str, one: dict[str, Any]) -> str:
        """Name a file with the bytes it had: the same path with others is another entity."""
        state = (one["sha256"] or f"{one['size_bytes']}-{one['mtime_ns']}")[:16]
        name = f"nora:file/{_safe(project)}/{_safe(one['psid'])}/{_safe(one['path'])}.{state}"
        facts = {"prov:label": one["path"], "nora:study": one["psid"], "nora:path": one["path"]}
        facts |= {"nora:sizeBytes": one["size_bytes"]}
        self.parts["entity"][name] = facts | (
            {"nora:sha256": one["sha256"]} if one["sha256"] else {}
        )
        return name

    def _say(self, kind: str, facts: dict[str, Any]) -> None:
        said = self.parts.setdefault(kind, {})
        if facts not in said.values():
            said[f"_:{kind}{len(said) + 1}"] = facts


def _activity_name(record: dict[str, Any]) -> str:
    return f"nora:{_safe(record['origin'].replace(':', '/', 1))}"


def _type(name: str) -> dict[str, str]:
    return {"$": name, "type": "prov:QUALIFIED_NAME"}


def _safe(text: str) -> str:
    return quote(text, safe="/-_.")
