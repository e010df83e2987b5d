"""Makes a sample tilt series, whose specimen and alignment are known, as a program.

``python -m appliance.tomography.sample FOLDER``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from appliance.core import ApplianceError, Conflict
from appliance.tomography.phantom import make_phantom, write_phantom
from appliance.tomography.tilt_files import write_tlt, write_xf

__all__ = ["main", "write_sample"]


def write_sample(
    folder: Path, *, name: str = "sample", size: int = 512, n_tilts: int = 61, seed: int = 1
) -> Path:
    """Write a sample tilt series with its true alignment beside it.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    name : str
        Basename of the series.
    size : int
        Pixels of a tilt along each side.
    n_tilts : int
        Between -60 and 60 degrees.
    seed : int
        Another number is another specimen.

    Returns
    -------
    Path
        The stack; ``NAME_truth.xf`` and ``NAME_truth.tlt`` tell how its tilts really lie.

    Raises
    ------
    Conflict
        If there is a series of that name.
    """
    if (folder / f"{name}.st").exists():
        raise Conflict(f"there is a tilt series {name} already", hint="Give another name.")
    folder.mkdir(parents=True, exist_ok=True)
    phantom = make_phantom(seed, size=size, n_tilts=n_tilts)
    path = write_phantom(folder, phantom, name)
    write_xf(folder / f"{name}_truth.xf", phantom.truth)
    write_tlt(folder / f"{name}_truth.tlt", phantom.truth.angles_deg)
    return path


def main(words: Sequence[str] | None = None) -> int:
    """Run the program; give 0, or 2 after an error the user can mend."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="sample")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--tilts", type=int, default=61)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(words)
    try:
        path = write_sample(
            options.folder,
            name=options.name,
            size=options.size,
            n_tilts=options.tilts,
            seed=options.seed,
        )
    except ApplianceError as error:
        sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
        return 2
    sys.stdout.write(f"{path.name}: {options.tilts} tilts of {options.size} pixels\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
