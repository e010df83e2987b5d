"""The settings of the jobs room: what jobs may use, where they run, what is kept of them."""

from __future__ import annotations

import msgspec

from appliance.core.sections import Section
from appliance.core.sections_adapters import AdapterSettings

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
    sandbox_read, sandbox_write : list of str
        Further folders that a job in bubblewrap sees, such as tools in a home folder; and those
        that it may write to.
    network : bool
        Whether jobs in bubblewrap reach the network, and through it our API.
    matlab_command : str
        Program that runs MATLAB jobs. Empty: ``matlab``, else ``octave-cli``, if installed.
    scope : str
        ``"auto"`` lets systemd hold each job to its memory and processors where it can, ``"off"``
        never does.
    nice, ionice : int
        How far jobs step back behind interactive work: niceness, and the level (0 to 7) of
        best-effort disk access; -1 leaves the disk as it is.
    grace_s : float
        Seconds that a job which is ended has to clean up.
    reserve_after_s : float
        Seconds after which what becomes free is kept for a job that smaller ones have passed.
    memory_watch : bool
        Whether to end a job that uses far more memory than it asked for.
    memory_over : float
        How much more, as a factor.
    log_limit_mb : int
        MiB of a log that are kept, half from its begin and half from its end; 0: all.
    foreign_gpus : bool
        Whether jobs may get GPUs that other programs use.
    adapters : dict of str to AdapterSettings
        Clusters that jobs of some queues are handed to, by a name.
    """

    cpus: int = 0
    memory_mb: int = 0
    gpus: list[str] = msgspec.field(default_factory=lambda: ["auto"])
    queues: list[str] = msgspec.field(default_factory=lambda: ["DPXproc", "DPXimport"])
    keep_days: int = 90
    sandbox: str = "auto"
    sandbox_read: list[str] = msgspec.field(default_factory=list)
    sandbox_write: list[str] = msgspec.field(default_factory=list)
    network: bool = True
    matlab_command: str = ""
    scope: str = "auto"
    nice: int = 10
    ionice: int = 7
    grace_s: float = 10.0
    reserve_after_s: float = 600.0
    memory_watch: bool = False
    memory_over: float = 1.2
    log_limit_mb: int = 64
    foreign_gpus: bool = False
    adapters: dict[str, AdapterSettings] = msgspec.field(default_factory=dict)
