"""A microscope that writes a tilt series tilt by tilt, as SerialEM does, also as a program.

As a program it writes as many tilts as each line of its input says.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from appliance.formats import MrcWriter
from appliance.tomography.phantom import Phantom, make_phantom

__all__ = ["Microscope"]


class Microscope:
    """Writes the tilts of a phantom in the order of its series, or each into a file.

    Parameters
    ----------
    promises : bool
        Whether the header names all tilts from the beginning; else it is brought up to date.
    frames : bool
        Whether each tilt is a file, in a dose-symmetric order.
    cut_last : bool
        Whether the last file is only half written until `finish`.
    dark : bool
        Whether the beam is off.
    """

    def __init__(
        self,
        folder: Path,
        phantom: Phantom,
        name: str,
        *,
        promises: bool = False,
        frames: bool = False,
        cut_last: bool = False,
        dark: bool = False,
    ) -> None:
        self.folder, self.name, self.frames = folder, name, frames
        self.promises, self.cut_last = promises, cut_last
        self.images = np.asarray(phantom.series.images, np.int16) * (not dark)
        self.angles = np.asarray(phantom.series.angles_deg)
        self.order = np.argsort(np.abs(self.angles)) if frames else np.arange(len(self.angles))
        self.pixel = phantom.series.pixel_nm * 10
        self.stack = folder / f"{name}.mrc"
        self.notes = folder / (f"{name}.mdoc" if frames else f"{name}.mrc.mdoc")
        self.done = 0
        self.rest: tuple[Path, bytes] | None = None

    def tilt(self, n: int = 1) -> None:
        """Record some more tilts."""
        for _ in range(n):
            (self._frame if self.frames else self._section)(self.order[self.done])
            self.done += 1

    def finish(self) -> None:
        """Write what is left of a file that was cut."""
        if self.rest is not None:
            with self.rest[0].open("ab") as stream:
                stream.write(self.rest[1])

    def _section(self, tilt: int) -> None:
        n_promised = len(self.images) if self.promises else self.done + 1
        if self.done == 0:
            one = self.images[:1]
            with MrcWriter(self.stack, one.shape, np.int16, self.pixel, volume=False) as out:
                out.write(0, one)
        else:
            with self.stack.open("ab") as stream:
                stream.write(self.images[tilt].astype("<i2").tobytes())
        with self.stack.open("r+b") as stream:
            stream.seek(8)
            stream.write(np.array([n_promised], "<i4").tobytes())
        self._note(tilt, "")

    def _frame(self, tilt: int) -> None:
        path = self.folder / f"{self.name}_{self.done:04d}.mrc"
        one = self.images[tilt][None]
        with MrcWriter(path, one.shape, np.int16, self.pixel) as out:
            out.write(0, one)
        if self.cut_last and self.done == len(self.images) - 1:
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
            self.rest = (path, whole[len(whole) // 2 :])
        self._note(tilt, f"SubFramePath = X:\\data\\{path.name}\n")

    def _note(self, tilt: int, more: str) -> None:
        with self.notes.open("a", encoding="ascii") as stream:
            if self.done == 0:
                stream.write(f"PixelSpacing = {self.pixel:g}\n\n")
            angle = f"TiltAngle = {self.angles[tilt]:g}\n"
            stream.write(f"[ZValue = {self.done}]\n{angle}{more}\n")


if __name__ == "__main__":
    scope = Microscope(
        Path(sys.argv[1]), make_phantom(4, size=64, n_tilts=9), "TS_9", promises=True
    )
    for line in sys.stdin:
        scope.tilt(int(line) - scope.done)
