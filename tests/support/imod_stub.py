"""A stand-in for batchruntomo that keeps its documented contract: options, lines, files, stops."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

__all__ = ["stub_environment"]

_ROOT = Path(__file__).resolve().parents[2]


def stub_environment(folder: Path, **extra: str) -> dict[str, str]:
    """Install the stand-in below a folder, and give the environment in which it is found.

    ``STUB_MODE`` is the command file that fails, ``wait`` or ``norec``; ``STUB_STYLE`` may be
    ``old``; ``STUB_CODE`` is what it ends with when it fails.
    """
    program = folder / "IMOD" / "bin" / "batchruntomo"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n')
    program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name != "IMOD_DIR"}
    return {**kept, "IMOD_DIR": str(folder / "IMOD"), "PYTHONPATH": str(_ROOT), **extra}


class _Run:
    def __init__(self, adoc: Path) -> None:
        lines = [line.strip() for line in adoc.read_text().splitlines()]
        pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
        self.values = {key.strip(): value.strip() for key, value in pairs}
        self.name = self.values["setupset.copyarg.name"]
        self.folder = Path(self.values["setupset.datasetDirectory"])
        self.letters = "ab" if self.values.get("setupset.copyarg.dual") == "1" else ""
        self.axis = self.name + self.letters[:1]
        self.mode = os.environ.get("STUB_MODE", "")
        self.is_new = os.environ.get("STUB_STYLE") != "old"

    def say(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        check = self.folder / f"batchruntomo.{os.getpid()}.input"
        if check.exists() and check.read_text().startswith("Q"):
            (self.folder / "stopped.txt").write_text("cleanly")
            sys.exit(1)

    def stack(self, stem: str) -> Path:
        return next(
            path for path in self.folder.iterdir() if path.name in (f"{stem}.mrc", f"{stem}.st")
        )

    def align(self) -> None:
        self.say(f"Starting data set {self.name} [brt1]")
        self.say("Reached step 0")
        for number, com in ((2, "xcorr"), (5, "track"), (6, "align")):
            self.say(f"Reached step {number}")
            self.say(f"Running {com}.com [brt2]")
            log = self.folder / f"{com}.log"
            if com == self.mode:
                log.write_text("many lines\n" * 40 + "ERROR: tiltalign - too few\n")
                self.say(f"ABORT SET: {com}.com failed")
                sys.exit(int(os.environ.get("STUB_CODE", "1")))
            log.write_text("Residual error mean and sd       0.512    0.3\n")
            self.say(f"Successfully finished {com}.com in 00:03.2 [brt3]")
        while self.mode == "wait":
            time.sleep(0.02)
            self.say("Still running")

    def reconstruct(self) -> None:
        from appliance.formats import read_mrc_stack

        images, facts = read_mrc_stack(self.stack(self.axis))
        if self.letters:
            self.stack(self.name + "b")
        by = int(self.values.get("runtime.AlignedStack.any.binByFactor") or 1)
        thick = max(1, int(self.values["comparam.tilt.tilt.THICKNESS"]) // by)
        n, ny, nx = len(images), images.shape[1] // by, images.shape[2] // by
        small = np.asarray(images, np.float32)[:, : ny * by, : nx * by]
        small = small.reshape(n, ny, by, nx, by).mean((2, 4))
        volume = np.linspace(0.9, 1.1, thick)[:, None, None] * small.mean(0)
        pixel = facts.pixel_angstrom * by
        self.say("Reached step 8")
        self.write(self.axis, "_ali.mrc", ".ali", small, pixel)
        self.say("Reached step 14")
        full = np.rot90(volume, -1, (0, 1))
        self.write(self.name, "_full_rec.mrc", "_full.rec", full, pixel)
        self.say("Reached step 20")
        if self.mode != "norec":
            self.write(self.name, "_rec.mrc", ".rec", volume, pixel)
        self.write_texts(n)

    def write(self, stem: str, new: str, old: str, data: np.ndarray, pixel: float) -> None:  # type: ignore[type-arg]
        from appliance.formats import MrcWriter

        path = self.folder / (stem + (new if self.is_new else old))
        with MrcWriter(path, data.shape, np.int16, pixel) as stream:
            stream.write(0, np.rint(data).astype(np.int16))

    def write_texts(self, n: int) -> None:
        line = "   1.0   0.0   0.0   1.0   0.0   0.0\n"
        (self.folder / f"{self.axis}.xf").write_text(line * n)
        angles = np.linspace(-60, 60, n)
        (self.folder / f"{self.axis}.tlt").write_text("".join(f"{a:8.2f}\n" for a in angles))
        if self.values.get("runtime.Preprocessing.any.archiveOriginal") == "1":
            self.stack(self.axis).unlink()
        self.say("Reached step 22")


if __name__ == "__main__":
    words = sys.argv[1:]
    Path("argv.txt").write_text(" ".join(words))
    one = _Run(Path(dict(zip(words[0::2], words[1::2], strict=True))["-di"]))
    one.align()
    one.reconstruct()
