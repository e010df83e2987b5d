"""Clusters as the API shows them."""

from __future__ import annotations

import msgspec

__all__ = ["Adapter", "AdapterStep", "Probed"]


class Adapter(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster that jobs are handed to.

    Attributes
    ----------
    kind : str
        ``slurm`` or ``sge``.
    host : str
        Submit host; empty: this machine.
    queues : dict of str to str
        Our queues and the partitions they stand for.
    problem : str
        Why nothing can be handed over now, as of the last look.
    paths : list of str
        Folders here and what they are called there.
    """

    name: str
    kind: str
    host: str
    queues: dict[str, str]
    problem: str
    paths: list[str] = msgspec.field(default_factory=list)


class AdapterStep(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Attributes
    ----------
    step : str
        ``commands``, ``python``, ``program``, ``paths`` or ``writes``.
    """

    step: str
    ok: bool
    text: str
    hint: str = ""


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """What a cluster said when it was asked.

    Attributes
    ----------
    ok : bool
        Whether jobs can be handed over.
    text : str
        What answered, or what is missing.
    hint : str
        What to do.
    steps : list of AdapterStep
        What was looked at, up to what is missing.
    """

    ok: bool
    text: str
    hint: str = ""
    steps: list[AdapterStep] = msgspec.field(default_factory=list)
