"""Which files of a Spatialomics session are worked on, and how (SPA-01 to SPA-08).

Below a session stand grouping folders instead of samples. Nothing in one of them is linked to
anything in another: a heat map does not know its slide.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from appliance.core import Invalid
from appliance.formats import MULTICHANNEL, slide_suffix
from appliance.tomography.inputs import natural_key

__all__ = ["GROUPS", "SlideInput", "find_slides"]

GROUPS = ("Pre_ROI_Selection", "HQ_Images", "ROI_Images", "Heatmaps")
"""Folders below a session that are read; all others are left alone."""


@dataclass(frozen=True, slots=True)
class SlideInput:
    """One file to work on.

    Attributes
    ----------
    path : Path
    group : str
        Grouping folder; empty for a file that was named itself and lies in none.
    is_multichannel : bool
        Whether it has scenes and channels; flat pictures have neither.
    """

    path: Path
    group: str
    is_multichannel: bool

    @property
    def stem(self) -> str:
        """Name without its ending, ``.ome.tif`` being one."""
        return self.path.name[: len(self.path.name) - len(slide_suffix(self.path))]


def find_slides(session: Path) -> list[SlideInput]:
    """List what a session holds, by group and in natural order; or the one file that is named.

    Raises
    ------
    Invalid
        If there is nothing to work on.
    """
    if session.is_file():
        known = session.parent.name in GROUPS
        found = _inputs([session], session.parent.name if known else "")
    else:
        folders = [(name, session / name) for name in GROUPS if (session / name).is_dir()]
        found = [one for name, folder in folders for one in _inputs(sorted(folder.iterdir()), name)]
    if not found:
        raise Invalid(
            f"{session.name} holds no slides",
            hint=f"They are looked for in its folders {', '.join(GROUPS)}.",
        )
    return found


def _inputs(paths: list[Path], group: str) -> list[SlideInput]:
    files = [path for path in paths if path.is_file() and not path.name.startswith(".")]
    known = [(path, slide_suffix(path)) for path in files]
    return sorted(
        (SlideInput(path, group, suffix in MULTICHANNEL) for path, suffix in known if suffix),
        key=lambda one: natural_key(one.path),
    )
