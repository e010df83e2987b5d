"""The settings of one adapter: a cluster that jobs of some queues are handed to."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.core.sections import Section

__all__ = ["AdapterSettings", "PathPair"]


class PathPair(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A folder that the cluster knows by another path.

    Attributes
    ----------
    here : str
        Absolute path on this machine.
    there : str
        Absolute path of the same folder on the cluster.
    """

    here: str
    there: str


class AdapterSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A cluster, by the command line of its scheduler.

    Attributes
    ----------
    kind : str
        ``"slurm"``, or ``"sge"`` (experimental).
    queues : dict of str to str
        Our queues that go there, each with the partition it stands for; empty: its default one.
    host : str
        Submit host that is reached by ssh. Empty: the commands are on this machine.
    ssh_config : str
        Configuration file for ssh instead of the user's own.
    programs : str
        Folder of the scheduler's commands. Empty: they are in the search path.
    environment : dict of str to str
        Variables that the commands need, such as ``SLURM_CONF``.
    paths : list of PathPair
        Folders that the cluster knows by another path.
    python : str
        Python on the nodes. Empty: ours, or ``python3`` behind a submit host.
    url : str
        Where the nodes reach our API. Empty: as this machine does.
    options : list of str
        Further options of every submission, such as ``"--account=neuro"``.
    gres : str
        What a GPU is called there, such as ``"gpu:a100"``; for sge the name of the resource.
    max_jobs : int
        Jobs that are handed over at the same time.
    poll_s : float
        Seconds between two looks at its queue.
    settle_s : float
        Seconds after which a job that is gone without a result counts as lost; a network disk may
        show the result late.
    timeout_s : float
        Seconds after which a command is given up.
    foreign : bool
        Whether the table of jobs shows the jobs of others there.
    """

    kind: Literal["slurm", "sge"] = "slurm"
    queues: dict[str, str] = msgspec.field(default_factory=dict)
    host: str = ""
    ssh_config: str = ""
    programs: str = ""
    environment: dict[str, str] = msgspec.field(default_factory=dict)
    paths: list[PathPair] = msgspec.field(default_factory=list)
    python: str = ""
    url: str = ""
    options: list[str] = msgspec.field(default_factory=list)
    gres: str = "gpu"
    max_jobs: int = 500
    poll_s: float = 2.0
    settle_s: float = 30.0
    timeout_s: float = 30.0
    foreign: bool = True
