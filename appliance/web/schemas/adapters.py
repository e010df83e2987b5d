"""Clusters as the API shows them."""

from __future__ import annotations

import msgspec

__all__ = ["Adapter", "Probed"]


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
    """

    name: str
    kind: str
    host: str
    queues: dict[str, str]
    problem: str


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
    """

    ok: bool
    text: str
    hint: str = ""
