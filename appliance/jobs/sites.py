"""How a run folder is written for the place where its job runs: paths, programs, environment."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

__all__ = ["PathMap", "Site"]


@dataclass(frozen=True)
class PathMap:
    """Folders that another machine knows by other paths; the longest that fits counts.

    Parameters
    ----------
    pairs : sequence of (str, str)
        The path here and the path there.
    """

    pairs: Sequence[tuple[str, str]] = ()

    def there(self, path: str | Path) -> str:
        """Give the path that stands for a path of ours; one below no pair stays as it is."""
        text = str(path)
        for here, there in sorted(self.pairs, key=lambda pair: -len(pair[0])):
            if PurePosixPath(text).is_relative_to(here):
                rest = PurePosixPath(text).relative_to(here)
                slash = "/" if text.endswith("/") else ""
                return f"{PurePosixPath(there) / rest}{slash}"
        return text


@dataclass(frozen=True)
class Site:
    """A place where jobs run.

    Attributes
    ----------
    paths : PathMap
        Ours to those of the place.
    python : str
        The interpreter there.
    inherit : sequence of str
        Variables that a job takes from where it lands, by their names or begins such as
        ``"SLURM_*"``; our own environment is then left behind when ``"*"`` is among them.
    is_local : bool
        Whether that is this machine, with its bubblewrap and limits.
    facts : mapping of str to str
        Variables of the job that are different there, such as ``NORA_URL``.
    """

    paths: PathMap = PathMap()
    python: str = sys.executable
    inherit: Sequence[str] = ()
    is_local: bool = True
    facts: Mapping[str, str] = field(default_factory=dict)
