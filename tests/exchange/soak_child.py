"""Rounds of arrivals at every door on one data folder, most of which are killed on their way."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from pathlib import Path
from random import Random

from appliance.exchange.collect import walk_files
from appliance.exchange.reception import Reception
from appliance.exchange.rows import Options
from tests.exchange.crash_child import PART_BYTES, pieces, zip_of_series
from tests.exchange.kit import Kit, write_series

__all__ = ["DOORS", "digest", "drop_again"]

_COMMON = ("sort.scanned", "sort.decided", "sort.moved", "convert.ran", "convert.entered", "never")
DOORS = {
    "drop": ("collect.announced", "collect.taken", "collect.recorded", *_COMMON),
    "upload": ("upload.renamed", "upload.journaled", "unpack.announced", "unpack.done", *_COMMON),
    "parts": ("parts.written:2", "parts.renamed", "parts.journaled", "unpack.written", *_COMMON),
    "dicom": ("dicom.written:2", "dicom.renamed:2", *_COMMON),
}
"""Points at which an arrival at a door may be killed."""


def digest(data: bytes) -> str:
    """Name some bytes."""
    return hashlib.sha256(data).hexdigest()


def drop_again(kit: Kit, base: Path) -> None:
    """Take what lies in the drop folder."""
    files = list(walk_files(base / "drop", lambda path, why: None))
    if files:
        kit.importer.take("default", base / "drop", files, Options(move=True))
    kit.run()


def _arrive(kit: Kit, base: Path, door: str, number: int, made: Path) -> None:
    """Have a series of this number arrive, and write down what was acknowledged."""
    objects = [path.read_bytes() for path in write_series(made / "objects", number=number, n=3)]
    if door == "drop":
        write_series(base / "drop" / str(number), number=number, n=3)
        _acknowledge(base, objects)
        drop_again(kit, base)
    elif door == "dicom":
        opened = Reception(kit.importer, "default", "TEST")
        for data in objects:
            opened.store(data)
            _acknowledge(base, [data])
        opened.close()
    else:
        (_parts if door == "parts" else _upload)(kit, zip_of_series(made / "zipped", number))
        _acknowledge(base, objects)
    kit.run()


def _upload(kit: Kit, data: bytes) -> None:
    """Upload at once."""
    opened = kit.importer.begin_upload("default", "a.zip")
    opened.write(data)
    opened.commit()


def _parts(kit: Kit, data: bytes) -> None:
    """Upload in parts."""
    key = kit.importer.uploads.begin("default", "a.zip", len(data), Options()).key
    for start in range(0, len(data), PART_BYTES):
        part = data[start : start + PART_BYTES]
        asyncio.run(kit.importer.uploads.receive(key, start, pieces(part)))


def _acknowledge(base: Path, objects: list[bytes]) -> None:
    with (base / "acknowledged").open("a") as stream:
        stream.writelines(f"{digest(data)}\n" for data in objects)


def _round(base: Path, index: int, seed: int) -> None:
    choice = Random(f"{seed} {index}")
    door = sorted(DOORS)[index % len(DOORS)]
    number = index if index < 2 or choice.random() < 0.6 else choice.randrange(index)
    point = choice.choice(DOORS[door])
    kit = Kit(base / "data")
    kit.importer.start()
    kit.importer.stop()
    os.environ.update({"NORA_TEST": "1", "NORA_CRASH_AT": point})
    _arrive(kit, base, door, number + 1, base / "made" / str(index))


if __name__ == "__main__":
    root, rounds, chosen = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for one in range(rounds):
        pid = os.fork()
        if pid == 0:
            _round(root, one, chosen)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else f"lived {status}\n")
        sys.stdout.flush()
