"""Movies, key image and averages by the very commands of the reference workflow.

They need IMOD, GraphicsMagick and ffmpeg; the appliance makes the same without them, which is the
default. What they say is kept in a log.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from appliance.core import FormatError, JobError
from appliance.tomography.averages import WINDOW
from appliance.tomography.imod import find_imod, imod_environment
from appliance.tomography.manifest import Asset, AssetType

__all__ = ["SeedCommands"]

_IMOD = ("header", "newstack", "clip", "binvol", "mrc2tif")
_OTHERS = ("gm", "ffmpeg")
_TILT_FPS, _REC_FPS = 4, 8
_FOUR_DIGITS = 1000  # sections from which on mrc2tif numbers its files by four digits
_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class SeedCommands:
    """Makes assets by programs of the user's own installation.

    Attributes
    ----------
    log : Path
        File to which commands and what they say are appended.
    environ : dict of str to str
        Environment in which the programs are looked for and run.
    """

    log: Path
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def missing(self) -> list[str]:
        """Name the programs that are not here."""
        path = self._env()["PATH"]
        return [name for name in (*_IMOD, *_OTHERS) if shutil.which(name, path=path) is None]

    def require(self) -> None:
        """Refuse where a program is missing.

        Raises
        ------
        JobError
        """
        missing = self.missing()
        if missing:
            raise JobError(
                f"the commands of the reference workflow are not all here: {', '.join(missing)}",
                hint="Install IMOD, GraphicsMagick and ffmpeg, or let the appliance make them.",
            )

    def of_tilts(self, basename: str, ali: Path, folder: Path) -> list[Asset]:
        """Make key image, thumbnail and tilt movie of an aligned stack."""
        with _scratch(folder) as work:
            nz = self._sections(ali, work)
            ones = [f"{basename}_ali{z:04d}.mrc" for z in range(nz)]
            for z, one in enumerate(ones):
                self._call(work, ["newstack", "-secs", f"{z}-{z}", str(ali), one])
            whole = f"ali_{basename}.mrc"
            self._call(work, ["newstack", "-float", "3", *ones, whole])
            root = f"{basename}_ali"
            self._pictures(work, whole, root, nz, "0,255")
            middle = work / f"{root}.{nz // 2:0{_digits(nz)}d}.jpg"
            thumb = f"keyimg_{basename}_s.jpg"
            size = ["-size", "300x300", middle.name, "-resize", "300x300"]
            self._call(work, ["gm", "convert", *size, "-sharpen", "2", "-quality", "70", thumb])
            movie = f"tiltMov_{basename}.mp4"
            self._movie(work, root, nz, _TILT_FPS, movie)
            key = middle.rename(work / f"keyimg_{basename}.jpg")
            return _handed_over(
                work,
                folder,
                [
                    Asset(AssetType.THUMBNAIL, thumb),
                    Asset(AssetType.KEY_IMAGE, key.name),
                    Asset(AssetType.TILT_MOVIE, movie),
                ],
            )

    def averages(self, basename: str, rec: Path, folder: Path) -> list[Asset]:
        """Make the means of five sections, and the same binned by two."""
        with _scratch(folder) as work:
            nz = self._sections(rec, work)
            if nz < WINDOW:
                raise FormatError(
                    f"a mean of five sections needs five; there are {nz}",
                    hint="Reconstruct a thicker volume.",
                )
            ones = []
            for z in range(2, nz - 2):
                ones.append(f"{basename}_ave{z:04d}.mrc")
                window = ["-2d", "-iz", f"{z - 2}-{z + 2}", "-m", "1"]
                self._call(work, ["clip", "avg", *window, str(rec), ones[-1]])
            average, binned = f"ave_{basename}.mrc", f"avebin8_{basename}.mrc"
            self._call(work, ["newstack", "-float", "3", *ones, average])
            self._call(work, ["binvol", "-binning", "2", average, binned])
            return _handed_over(
                work,
                folder,
                [Asset(AssetType.VOLUME, average), Asset(AssetType.AVERAGED, binned)],
            )

    def rec_movie(self, basename: str, folder: Path) -> list[Asset]:
        """Make the movie of the averages that lie in a folder."""
        average = (folder / f"ave_{basename}.mrc").absolute()
        if not average.is_file():
            raise FormatError("there is no average to show")
        with _scratch(folder) as work:
            nz = self._sections(average, work)
            self._pictures(work, str(average), f"{basename}_mp4", nz, "100,255")
            movie = f"keyMov_{basename}.mp4"
            self._movie(work, f"{basename}_mp4", nz, _REC_FPS, movie)
            return _handed_over(work, folder, [Asset(AssetType.REC_MOVIE, movie)])

    def _sections(self, stack: Path, work: Path) -> int:
        said = self._call(work, ["header", "-s", str(stack.absolute())]).split()
        try:
            return int(said[2])
        except (IndexError, ValueError) as error:
            raise JobError(f"header told no size of {stack.name}") from error

    def _pictures(self, work: Path, stack: str, root: str, nz: int, levels: str) -> None:
        """Make a JPEG of each section; of a single one mrc2tif takes the whole name."""
        target = root if nz > 1 else f"{root}.000.jpg"
        self._call(work, ["mrc2tif", "-j", "-C", levels, stack, target])

    def _movie(self, work: Path, root: str, nz: int, fps: int, movie: str) -> None:
        frames = ["-framerate", str(fps), "-i", f"{root}.%0{_digits(nz)}d.jpg"]
        codec = ["-vcodec", "libx264", "-pix_fmt", "yuv420p", "-s", "1024,1024"]
        self._call(work, ["ffmpeg", "-y", "-f", "image2", *frames, *codec, movie])

    def _call(self, work: Path, command: Sequence[str]) -> str:
        """Run a program to its end and give what it said."""
        env = self._env()
        program = shutil.which(command[0], path=env["PATH"]) or command[0]
        try:
            done = subprocess.run(
                [program, *command[1:]],
                cwd=work,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise JobError(f"{command[0]} cannot be started: {error.strerror}") from error
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(f"{' '.join(command)}\n{done.stdout}")
        if done.returncode:
            tail = "\n".join(done.stdout.splitlines()[-_TAIL_LINES:])
            raise JobError(
                f"{command[0]} failed: it ended with code {done.returncode}",
                hint=f"The end of {self.log.name} tells more.",
                log=self.log.name,
                log_tail=tail,
            )
        return done.stdout

    def _env(self) -> Mapping[str, str]:
        home = find_imod(self.environ)
        if home is not None:
            return imod_environment(self.environ, home)
        return {"PATH": os.defpath, **self.environ}


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Give a folder for what is half made, beside what is made."""
    with TemporaryDirectory(prefix=".commands-", dir=folder) as work:
        yield Path(work)


def _handed_over(work: Path, folder: Path, assets: list[Asset]) -> list[Asset]:
    """Put files into their place, once all of them are there."""
    missing = [one.path for one in assets if not (work / one.path).is_file()]
    if missing:
        raise JobError(f"the commands did not write {', '.join(missing)}")
    for one in assets:
        (work / one.path).replace(folder / one.path)
    return assets


def _digits(nz: int) -> int:
    return 3 if nz < _FOUR_DIGITS else 4
