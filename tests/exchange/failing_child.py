"""Bring files in on a disk on which one write fails; prints what became of them, a line a case.

Called as ``python -m tests.exchange.failing_child FOLDER LIBRARY N_CASES``, with the library
preloaded. The first case counts the writes; the others fail at places spread evenly over them.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import json
import os
import sys
from pathlib import Path

from appliance.exchange import Options
from appliance.exchange.collect import walk_files
from tests.exchange.crash_child import make_source, pieces, zip_of_series
from tests.exchange.kit import Kit

ROUNDS = 4
ERRORS = (errno.EIO, errno.ENOSPC)


def arrive(kit: Kit, base: Path, told: dict[str, object]) -> None:
    """An upload whose acknowledgement is noted, and a drop that is moved."""
    data = zip_of_series(base / "upload")
    key = kit.importer.uploads.begin("default", "a.zip", len(data), Options()).key
    told["acknowledged"] = 0
    for start in range(0, len(data), 900):
        asyncio.run(kit.importer.uploads.receive(key, start, pieces(data[start : start + 900])))
        told["acknowledged"] = start + 900
    told["uploaded"] = True
    files = list(walk_files(base / "drop", lambda path, why: None))
    kit.importer.take("default", base / "drop", files, Options(move=True, layout=True))


def attempt(doing) -> str:
    """Do something; a failure is told, as the queue and the outer loops would."""
    try:
        doing()
    except Exception as error:  # noqa: BLE001 - what a service logs and goes on after
        return f"{type(error).__name__}: {error}"
    return ""


def case(base: Path, library: ctypes.CDLL, at: int, error: int) -> dict[str, object]:
    """One data folder, one write that fails."""
    wanted = make_source(base / "drop")
    uploaded = zip_of_series(base / "upload")
    kit = Kit(base / "data")
    told: dict[str, object] = {"at": at, "errno": error}
    library.fail_arm(at, error)
    failed = [attempt(lambda: arrive(kit, base, told)), attempt(kit.run)]
    told["count"] = library.fail_count()
    library.fail_arm(0, 0)
    failed += [attempt(again) for _ in range(ROUNDS) for again in (kit.importer.reconcile, kit.run)]
    told["failed"] = [one for one in failed if one]
    with kit.catalog.read() as con:
        keys = [row[0] for row in con.execute("SELECT key FROM receipts ORDER BY id")]
        held = con.execute("SELECT count(*) FROM uploads").fetchone()[0]
    receipts = [kit.importer.receipt(key) for key in keys]
    told["receipts"] = [(r.state, r.n_files, r.n_done, r.reason) for r in receipts]
    kept = {path.read_bytes() for path in base.rglob("*") if path.is_file()}
    told["lost"] = sum(content not in kept for content in wanted)
    part = next(iter(kit.folder.incoming.rglob("*.part")), None)
    told["part"] = held and part is not None and uploaded.startswith(part.read_bytes()[:900])
    kit.close()
    return told


def main() -> None:
    """Run the cases, each in a fork."""
    base, library, n = Path(sys.argv[1]), ctypes.CDLL(sys.argv[2]), int(sys.argv[3])
    total = 0
    for k in range(n + 1):
        out = base / f"{k}.json"
        at, error = (0, 0) if k == 0 else (1 + (k - 1) * total // n, ERRORS[k % 2])
        pid = os.fork()
        if pid == 0:
            told = case(base / "root" / str(k), library, at, error)
            out.write_text(json.dumps(told), encoding="utf-8")
            os._exit(0)
        os.waitpid(pid, 0)
        text = out.read_text(encoding="utf-8") if out.exists() else '{"died": true}'
        total = total or json.loads(text).get("count", 0)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
