"""Where results of one input appear: whole in the place of the last ones, or as a failure."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from appliance.tomography.steps import StepRecord, write_steps

__all__ = ["RECORDS", "keep_failure", "publish"]

RECORDS = "steps.json"


def publish(out: Path, target: Path) -> None:
    """Put a result in the place of the last one; a failure before leaves that as it was.

    Parameters
    ----------
    out : Path
        Folder of the new result; it is moved.
    target : Path
        Where it belongs.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.move(out, fresh)
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(_failed(target), ignore_errors=True)


def keep_failure(target: Path, work: Path, records: Sequence[StepRecord]) -> Path:
    """Keep records and logs of a failure apart from results.

    Parameters
    ----------
    target : Path
        Where a result would have been; it is left as it is.
    work : Path
        Folder in which the logs lie.
    records : sequence of StepRecord

    Returns
    -------
    Path
        The folder ``NAME.failed``.
    """
    folder = _failed(target)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_steps(folder / RECORDS, records)
    for path in sorted(work.rglob("*.log")):
        shutil.copyfile(path, folder / path.name)
    return folder


def _failed(target: Path) -> Path:
    return target.with_name(f"{target.name}.failed")
