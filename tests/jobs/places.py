"""The places that the contract of adapters is tested at."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.slurm import Slurm

__all__ = ["QUEUES", "Place", "local_place", "sge_place", "slurm_place"]

QUEUES = ["DPXproc", "DPXimport", "far", "shut", "nowhere"]
_COMMANDS = ("qsub", "qstat", "qdel", "qmod")


@dataclass(frozen=True)
class Place:
    """Settings of an appliance whose queue `far` runs at an adapter, `shut` there never starts."""

    adapter: str
    settings: Mapping[str, Any]


def local_place() -> Place:
    return Place("local", {"jobs.queues": QUEUES})


def slurm_place(slurm: Slurm, **more: Any) -> Place:
    partitions = {"far": "normal", "shut": "closed", "nowhere": "nope"}
    adapter = {"kind": "slurm", "queues": partitions, "environment": slurm.env}
    adapter |= {"poll_s": 0.2, "settle_s": 1.5, "timeout_s": 20.0} | more
    return Place("hill", {"jobs.queues": QUEUES, "jobs.adapters": {"hill": adapter}})


def sge_place(root: Path) -> Place:
    root.mkdir()
    stub = Path(__file__).parents[1] / "support" / "sge_stub.py"
    for name in _COMMANDS:
        (root / name).write_text(
            f'#!/bin/sh\nexec {sys.executable} -I -S {stub} {name} "$@"\n', encoding="utf-8"
        )
        (root / name).chmod(0o755)
    state = root / "state"
    state.mkdir()
    queues = {"far": "all.q", "shut": "closed", "nowhere": "nope"}
    adapter = {"kind": "sge", "queues": queues, "environment": {"SGE_STUB": str(state)}}
    adapter |= {"programs": str(root), "poll_s": 0.2, "settle_s": 1.5}
    return Place("grid", {"jobs.queues": QUEUES, "jobs.adapters": {"grid": adapter}})
