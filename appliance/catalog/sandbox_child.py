"""The process in which a person's SQL runs; a program of its own that imports nothing of ours.

Reads one order as JSON from standard input and writes one answer as JSON to standard output.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import resource
import signal
import sys
import threading
import time
from decimal import Decimal
from typing import Any

import duckdb

__all__ = ()

_PR_SET_PDEATHSIG = 1
_ALLOWED = frozenset({"SELECT", "EXPLAIN", "MULTI"})  # MULTI is PIVOT without a list of values
_MOST_TEXT = 10_000
_GRACE_S = 1.5
LATE = 3  # exit status of a process that ended itself
_MOST_BYTES = 32 << 20
_EXACT = 1 << 53
_ADDRESS_SPACE = 3 << 30  # beside what DuckDB counts itself


def _main() -> None:
    order = json.load(sys.stdin)
    _lock_up(order)
    json.dump(_answer(order), sys.stdout, allow_nan=False)
    sys.stdout.flush()
    os._exit(0)  # there is nothing to tidy up, and nothing that should be told about it


def _lock_up(order: dict[str, Any]) -> None:
    """Give up what the statement must not have: time, memory, files, life without the parent."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    seconds = math.ceil(order["seconds"]) * order["threads"] + 5
    for limit, value in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, (order["memory_mb"] << 20) + _ADDRESS_SPACE),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        resource.setrlimit(limit, (value, value))


def _connect(order: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """Open the file, then close every other door; the last step locks them."""
    config = {
        "memory_limit": f"{order['memory_mb']}MB",
        "threads": order["threads"],
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "allow_persistent_secrets": False,
    }
    con = duckdb.connect(order["path"], read_only=True, config=config)
    con.execute("SET temp_directory = ''")  # nothing is written to disk, whatever its size
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")
    return con


def _answer(order: dict[str, Any]) -> dict[str, Any]:
    con = _connect(order)
    late = threading.Event()
    stop = threading.Thread(target=_stop, args=(con, order["seconds"], late), daemon=True)
    stop.start()
    try:
        statements = con.extract_statements(order["sql"])
        if len(statements) != 1:
            return {"error": "statements", "n": len(statements)}
        kind = statements[0].type.name
        if kind not in _ALLOWED:
            return {"error": "refused", "text": f"{kind} is not allowed"}
        con.execute(statements[0])
        return _rows(con, order["max_rows"])
    except MemoryError:
        return {"error": "memory"}
    except (duckdb.Error, RuntimeError) as error:
        return {"error": "time"} if late.is_set() else _failure(error)


def _stop(con: duckdb.DuckDBPyConnection, seconds: float, late: threading.Event) -> None:
    """Interrupt the statement; single functions do not listen, so end the process then."""
    time.sleep(seconds)
    late.set()
    con.interrupt()
    time.sleep(_GRACE_S)
    os._exit(LATE)


def _rows(con: duckdb.DuckDBPyConnection, most: int) -> dict[str, Any]:
    columns = [[column[0], str(column[1])] for column in con.description or ()]
    rows: list[list[Any]] = []
    room = _MOST_BYTES
    while len(rows) <= most and room > 0:
        chunk = con.fetchmany(min(1000, most + 1 - len(rows)))
        if not chunk:
            break
        for row in chunk:
            rows.append([_plain(value) for value in row])
            room -= sum(len(v) if isinstance(v, str) else 8 for v in rows[-1])
    return {"columns": columns, "rows": rows[:most], "truncated": len(rows) > most or room <= 0}


def _failure(error: Exception) -> dict[str, Any]:
    text = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return {"error": "memory"}
    if isinstance(error, (duckdb.PermissionException, duckdb.IOException)):
        return {"error": "refused", "text": text}
    if "configuration has been locked" in text or "read-only" in text:
        return {"error": "refused", "text": text}
    if "pytz" in text:
        text = "a time with a zone cannot be shown; cast it to TIMESTAMP or VARCHAR"
    return {"error": "invalid", "text": _with_line(text)}


def _with_line(text: str) -> str:
    """Keep what happened and the number of the line; the excerpt needs a fixed-width font."""
    told, _, excerpt = text.partition("\n\nLINE ")
    number = excerpt.partition(":")[0]
    return f"{told} (line {number})" if number.isdigit() else text


def _plain(value: Any) -> Any:
    """Turn a value into what JSON can hold without loss, or into text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_EXACT <= value <= _EXACT else str(value)
    if isinstance(value, (float, Decimal)):
        number = float(value)
        return number if math.isfinite(number) else str(value)
    if isinstance(value, bytes):
        return value[: _MOST_TEXT // 2].hex()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(str(_plain(one)) for one in value[:200]) + "]"
    return str(value)[:_MOST_TEXT]


if __name__ == "__main__":
    _main()
