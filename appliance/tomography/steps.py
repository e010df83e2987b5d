"""What a step of the workflow leaves behind: a record that nothing changes afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from appliance.core import ApplianceError, atomic_write, iso, now_ms

__all__ = ["STEPS", "Step", "StepRecord", "StepState", "read_steps", "recorded", "write_steps"]

Step = Literal["check", "directives", "tomogram", "assets", "keep"]
StepState = Literal["done", "reused", "failed"]
STEPS: tuple[Step, ...] = get_args(Step)
"""The steps of one series, in their order."""


class StepRecord(msgspec.Struct, frozen=True):
    """One step of one series, as it went.

    Attributes
    ----------
    step : str
        One of `STEPS`; flows of other inputs name their own.
    seconds : float
        How long it took by the clock on the wall.
    facts : dict
        What it was given and what it found, as JSON values.
    error : str
        Why it failed.
    """

    step: str
    state: StepState
    began_at: str
    seconds: float = 0.0
    facts: dict[str, Any] = {}
    error: str = ""


@contextmanager
def recorded(step: str, records: list[StepRecord]) -> Iterator[dict[str, Any]]:
    """Record a step however it ends; what is put into the dictionary becomes its facts."""
    began, clock = iso(now_ms()), time.monotonic()
    facts: dict[str, Any] = {}
    try:
        yield facts
    except BaseException as error:
        why = error.message if isinstance(error, ApplianceError) else type(error).__name__
        took = round(time.monotonic() - clock, 3)
        records.append(StepRecord(step, "failed", began, took, dict(facts), why))
        raise
    took = round(time.monotonic() - clock, 3)
    records.append(StepRecord(step, "done", began, took, dict(facts)))


def write_steps(path: Path, records: Sequence[StepRecord]) -> None:
    """Write the records of a series."""
    with atomic_write(path) as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(records), indent=1) + b"\n")


def read_steps(path: Path) -> list[StepRecord]:
    """Read the records of a series; none when there are none."""
    if not path.is_file():
        return []
    return msgspec.json.decode(path.read_bytes(), type=list[StepRecord])
