"""The settings of notebooks."""

from __future__ import annotations

from appliance.core.sections import Section

__all__ = ["NotebookSettings"]


class NotebookSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """JupyterLab as a job, behind a port of its own.

    Attributes
    ----------
    enabled : bool
        Whether notebooks can be started.
    port : int
        TCP port of the notebooks, on the address of ``web.bind``. 0: the one after ``web.port``.
    hours : int
        Time limit that the dialog proposes.
    cpus : int
        Processors that the dialog proposes.
    memory_mb : int
        Memory that the dialog proposes, in MiB.
    idle_minutes : int
        A notebook in which nothing has happened for so long ends by itself.
    """

    enabled: bool = True
    port: int = 0
    hours: int = 12
    cpus: int = 1
    memory_mb: int = 4096
    idle_minutes: int = 120
