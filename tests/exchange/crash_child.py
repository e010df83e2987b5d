"""Run one arrival per crash point, each in a fork that dies there; prints how each ended."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import nibabel as nib
import numpy as np

from appliance.exchange import collect as collecting
from appliance.exchange import existing_run, read_ahead
from appliance.exchange.collect import walk_files
from appliance.exchange.existing_plan import ExistingOptions
from appliance.exchange.reception import Reception
from appliance.exchange.rows import Options
from tests.exchange.kit import Kit, write_series
from tests.exchange.trees import bids_dataset
from tests.support.waiting import wait_until

__all__ = ["PART_BYTES", "make_source", "pieces", "zip_of_series"]

PART_BYTES = 1000


def make_source(folder: Path) -> list[bytes]:
    """A series, a zip with another one, an image with a target, and a foreign file."""
    paths = write_series(folder / "a", n=3)
    zipped = write_series(folder.parent / "zipped", n=3, number=4)
    with zipfile.ZipFile(folder / "b.zip", "w") as archive:
        for path in zipped:
            archive.write(path, path.name)
    image = folder / "S-0042/V1/t1.nii"
    image.parent.mkdir(parents=True)
    nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)).to_filename(image)
    (folder / "odd.bin").write_bytes(b"odd" * 100)
    return [p.read_bytes() for p in (*paths, *zipped, image, folder / "odd.bin")]


def drop(kit: Kit, base: Path) -> None:
    source = base / "drop"
    make_source(source)
    files = list(walk_files(source, lambda path, why: None))
    kit.importer.take("default", source, files, Options(move=True, layout=True))
    kit.run()


def early(kit: Kit, base: Path) -> None:
    """The same, some files at a time, its headers read before: whole series go on alone."""
    collecting._CHUNK, read_ahead._MANY, read_ahead._RACY_NS = 3, 1, -1
    source = base / "drop"
    make_source(source)
    (source / "b.zip").unlink()
    (base / "zipped").rename(source / "b")
    files = list(walk_files(source, lambda path, why: None))
    ahead = kit.importer.ctx.ahead
    ahead.expect(files)
    wait_until(lambda: not ahead.reads, "the headers are read")
    kit.importer.take("default", source, files, Options(move=True, layout=True))
    kit.run()


def zip_of_series(folder: Path, number: int = 3) -> bytes:
    """Three objects in a zip, the same bytes each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in write_series(folder, n=3, number=number):
            archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes())
    return buffer.getvalue()


def upload(kit: Kit, base: Path) -> None:
    opened = kit.importer.begin_upload("default", "a.zip")
    opened.write(zip_of_series(base / "in"))
    opened.commit()
    (base / "acknowledged").touch()
    kit.run()


def parts(kit: Kit, base: Path) -> None:
    data = zip_of_series(base / "in")
    key = kit.importer.uploads.begin("default", "a.zip", len(data), Options()).key
    (base / "key").write_text(key)
    for start in range(0, len(data), PART_BYTES):
        asyncio.run(kit.importer.uploads.receive(key, start, pieces(data[start:][:PART_BYTES])))
    kit.run()


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


def dicom(kit: Kit, base: Path) -> None:
    opened = Reception(kit.importer, "default", "TEST")
    for path in write_series(base / "in", n=3):
        opened.store(path.read_bytes())
        with (base / "acknowledged").open("a") as stream:
            stream.write("x")
    opened.close()
    kit.run()


def existing(kit: Kit, base: Path) -> None:
    existing_run._CHUNK = 3
    root = bids_dataset(base / "ds")
    kit.importer.existing.begin("default", root, ExistingOptions(layout="bids"), actor="owner")
    kit.run()


def run(base: Path, point: str) -> None:
    os.environ.update({"NORA_TEST": "1", "NORA_CRASH_AT": point})
    kit = Kit(base / "data")
    doings = {"upload": upload, "parts": parts, "dicom": dicom, "existing": existing}
    doings["early"] = early
    doings.get(point.partition(".")[0], drop)(kit, base)


if __name__ == "__main__":
    for point in sys.argv[2:]:
        base = Path(sys.argv[1]) / point
        base.mkdir(parents=True)
        pid = os.fork()
        if pid == 0:
            run(base, point)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        sys.stdout.write(f"{point} {'died' if died else f'lived {status}'}\n")
        sys.stdout.flush()
