"""The settings of the jobs room: what jobs may use, where they run, what is kept of them."""

from __future__ import annotations

import msgspec

from appliance.core.sections import Section

__all__ = [
    "JobSettings",
]


class JobSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The local scheduler.

    Attributes
    ----------
    cpus : int
        Processors that jobs may use; 0: all.
    memory_mb : int
        Memory that jobs may ask for, in MiB; 0: 80 % of the machine's.
    gpus : list of str
        UUIDs of GPUs that jobs may use; ``["auto"]``: all that NVML finds.
    queues : list of str
        Names of the queues; the first is the default, ``DPXimport`` shows imports.
    keep_days : int
        Days for which finished jobs stay in the table.
    sandbox : str
        ``"auto"`` runs jobs in bubblewrap where the machine has it, ``"off"`` never does.
    matlab_command : str
        Program that runs MATLAB jobs. Empty: ``matlab``, else ``octave-cli``, if installed.
    """

    cpus: int = 0
    memory_mb: int = 0
    gpus: list[str] = msgspec.field(default_factory=lambda: ["auto"])
    queues: list[str] = msgspec.field(default_factory=lambda: ["DPXproc", "DPXimport"])
    keep_days: int = 90
    sandbox: str = "auto"
    matlab_command: str = ""
