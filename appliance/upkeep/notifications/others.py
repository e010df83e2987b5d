"""What is to be told of arrivals, rules, health and backups."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from appliance.catalog import Event, Tx
from appliance.core import now_ms
from appliance.upkeep.notifications.kinds import Tone
from appliance.upkeep.notifications.news import News, Said, counted

__all__ = ["SELF_CHECK", "OtherLook", "look_at_others"]

SELF_CHECK = "notifications"
_TOLD_OTHERWISE = "arrivals"
_RANKS = {"ok": 0, "warning": 1, "error": 2}
_ARRIVALS: Mapping[str, tuple[str, Tone, str, str]] = {
    "waiting": ("import_waiting", "warning", "waits for a decision", "wait for a decision"),
    "failed": ("import_failed", "error", "failed", "failed"),
    "partial": ("import_failed", "warning", "left files aside", "left files aside"),
    "done": ("import_done", "info", "is in", "are in"),
}
_PROJECT = (
    "SELECT id, name, json_extract(policy, '$.identified') AS identified FROM projects"
    " WHERE name = ? AND state <> 'trashed'"
)


class OtherLook:
    """What a look at everything but batches found, and the states that it was compared with."""

    def __init__(self) -> None:
        self.news: list[News] = []
        self.seen: dict[str, str] = {}

    @property
    def changed(self) -> bool:
        """Whether there is anything to write down."""
        return bool(self.news or self.seen)

    def keep(self, tx: Tx) -> None:
        """Write the states down, in the transaction that makes the notifications."""
        now = now_ms()
        tx.con.executemany(
            "INSERT INTO notification_seen VALUES (?, ?, ?)"
            " ON CONFLICT (what) DO UPDATE SET state = excluded.state, at = excluded.at",
            [(what, state, now) for what, state in self.seen.items()],
        )


def look_at_others(
    con: sqlite3.Connection, events: Sequence[Event], titles: Mapping[str, str]
) -> OtherLook:
    """Look at events about anything but batches; `titles` are those of the health checks."""
    found = OtherLook()
    _look_at_arrivals(con, _data(events, "receipt.changed"), found)
    _look_at_health(con, _data(events, "health.changed"), found, titles)
    found.news += [_rule_failed(con, data) for data in _data(events, "autorule.failed")]
    found.news += [
        _deviates(row, n)
        for project, n in Counter(
            data["project"] for data in _data(events, "protocol.deviates")
        ).items()
        if (row := con.execute(_PROJECT, (project,)).fetchone()) is not None
    ]
    missing: Counter[str] = Counter()
    for data in _data(events, "protocol.missing"):
        missing[data["project"]] += len(data["series"])
    found.news += [
        _misses(row, n)
        for project, n in missing.items()
        if (row := con.execute(_PROJECT, (project,)).fetchone()) is not None
    ]
    if any(event.topic == "backup.failed" for event in events):
        found.news.append(_backup_failed())
    return found


def _data(events: Sequence[Event], topic: str) -> list[dict[str, Any]]:
    return [event.data for event in events if event.topic == topic]


def _seen(con: sqlite3.Connection, names: Sequence[str]) -> dict[str, str]:
    rows = con.execute(
        "SELECT what, state FROM notification_seen WHERE what IN (SELECT value FROM json_each(?))",
        (json.dumps(list(names)),),
    )
    return dict(rows.fetchall())


def _look_at_arrivals(
    con: sqlite3.Connection, told: Sequence[dict[str, Any]], found: OtherLook
) -> None:
    """Tell of what an arrival has become, if that is not what it was; many are one message."""
    last = {f"receipt:{data['key']}": data for data in told if data.get("key")}
    before = _seen(con, list(last))
    groups: dict[tuple[str, str], list[str]] = {}
    for what, data in last.items():
        state = str(data["state"])
        if state != before.get(what):
            found.seen[what] = state
            if state in _ARRIVALS:
                groups.setdefault((str(data["project"]), state), []).append(str(data["key"]))
    for (project, state), keys in groups.items():
        row = con.execute(_PROJECT, (project,)).fetchone()
        if row is not None:
            found.news.append(_arrivals(row, state, keys))


def _arrivals(project: sqlite3.Row, state: str, keys: Sequence[str]) -> News:
    kind, level, one, many = _ARRIVALS[state]
    name = quote(project["name"], safe="")

    def say(n: int) -> Said:
        title = f"An arrival {one}" if n == 1 else f"{n} arrivals {many}"
        return title, f"Project {project['name']}."

    def link(n: int) -> str:
        which = f"key={keys[0]}" if n == 1 else f"state={state}"
        return f"/arrivals?project={name}&{which}"

    about = f"arrivals:{project['id']}:{state}"
    return News(
        kind=kind,
        level=level,
        about=about,
        say=say,
        link=link,
        n=len(keys),
        project_id=project["id"],
    )


def _look_at_health(
    con: sqlite3.Connection,
    told: Sequence[dict[str, Any]],
    found: OtherLook,
    titles: Mapping[str, str],
) -> None:
    """Tell of checks that have become worse; at the very first look of errors only."""
    told = [data for data in told if data.get("running")]  # else parts are missing on purpose
    if not told:
        return
    now = {name: str(level) for name, level in dict(told[-1]["levels"]).items()}
    before = _seen(con, [f"check:{name}" for name in now])
    for name, level in now.items():
        rank, was = _RANKS.get(level), before.get(f"check:{name}")
        if rank is None or level == was or name == _TOLD_OTHERWISE:
            continue
        found.seen[f"check:{name}"] = level
        known = 1 if was is None else _RANKS.get(was, 0)
        if rank > known:
            found.news.append(_check(name, level, titles.get(name, name)))


def _check(name: str, level: str, title: str) -> News:
    hint = "The page Health says what was found and what to do."
    word = "error" if level == "error" else "warning"
    return News(
        kind="disk_low" if name == "disk" else "health",
        level="error" if level == "error" else "warning",
        about=f"check:{name}",
        say=_always(f"{title}: {word}", hint),
        link=_to("/health"),
        local=name == SELF_CHECK,
    )


def _rule_failed(con: sqlite3.Connection, data: Mapping[str, Any]) -> News:
    row = con.execute(_PROJECT, (data["project"],)).fetchone()
    rule = "An autoexecution rule" if row and row["identified"] else f"Rule “{data['rule']}”"

    def say(n: int) -> Said:
        what = counted(n, "study or subject", "studies or subjects")
        return f"{rule} could not start its batch", f"For {what}. Project {data['project']}."

    name = quote(str(data["project"]), safe="")
    return News(
        kind="autorule_failed",
        level="error",
        about=f"autorule:{data['project']}:{data['rule']}",
        say=say,
        link=_to(f"/projects/settings?project={name}&tab=auto"),
        n=int(data["n"]),
        project_id=row["id"] if row else None,
        owners=(str(data["owner"]),),
    )


def _deviates(project: sqlite3.Row, n: int) -> News:
    name = quote(project["name"], safe="")

    def say(n: int) -> Said:
        what = counted(n, "series deviates", "series deviate")
        return f"{what} from the protocol", f"Project {project['name']}. Scanner now tells on what."

    return News(
        kind="protocol_deviates",
        level="warning",
        about=f"protocol:{project['id']}",
        say=say,
        link=_to(f"/scanner?project={name}"),
        n=n,
        project_id=project["id"],
    )


def _misses(project: sqlite3.Row, n: int) -> News:
    name = quote(project["name"], safe="")

    def say(n: int) -> Said:
        what = counted(n, "series of the protocol is missing", "series of the protocol are missing")
        return what, f"Project {project['name']}. Scanner now tells which, and of which session."

    return News(
        kind="protocol_deviates",
        level="warning",
        about=f"protocol-missing:{project['id']}",
        say=say,
        link=_to(f"/scanner?project={name}"),
        n=n,
        project_id=project["id"],
    )


def _backup_failed() -> News:
    text = "The databases were not copied. The log of the service says why; the page Health tells"
    return News(
        kind="backup_failed",
        level="error",
        about="backup",
        say=_always("A backup failed", f"{text} the age of the newest backup."),
        link=_to("/health"),
    )


def _always(title: str, text: str) -> Callable[[int], Said]:
    return lambda _n: (title, text)


def _to(link: str) -> Callable[[int], str]:
    return lambda _n: link
