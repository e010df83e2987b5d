"""Running dcm2niix on the folder of one series, as a child process that dies with this one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from appliance.core import ExchangeError

__all__ = ["ConverterRefused", "Output", "run_dcm2niix"]

_STEM = "s"
_SIDECARS = (".json", ".bval", ".bvec")
_SHOWN = re.compile(r"\b(error|warning|no valid|unable|unsupported|fail)", re.IGNORECASE)
_PATHS = re.compile(r"\S*/\S*")
_MAX_MESSAGE = 300
_GAPS = "missing images?"


class ConverterRefused(ExchangeError):
    """The converter could make no image of a series; the message says why."""

    key = "converter_refused"


class Output(msgspec.Struct, frozen=True):
    """One image that the converter made.

    Attributes
    ----------
    image : Path
        The NIfTI file.
    sidecars : tuple of Path
        Its ``.json``, ``.bval`` and ``.bvec``, those that exist.
    variant : str
        What the converter appended to the name, such as ``e2`` or ``Tilt_1``.
    has_gaps : bool
        Whether the converter missed slices among those of several volumes.
    """

    image: Path
    sidecars: tuple[Path, ...]
    variant: str
    has_gaps: bool = False


def run_dcm2niix(source: Path, target: Path, *, timeout_s: float = 3600) -> list[Output]:
    """Convert all objects in a folder.

    Parameters
    ----------
    source : Path
        Folder with the objects of one series.
    target : Path
        Empty folder for the results.

    Returns
    -------
    list of Output
        Main image first.

    Raises
    ------
    ConverterRefused
        If it makes nothing, fails, or takes too long.
    """
    command = [
        *_dies_with_us(),
        _binary(),
        *("-z", "n", "-b", "y", "-ba", "y", "-f", _STEM, "-w", "1"),
        *("-o", str(target), str(source)),
    ]
    code, text = _run(command, timeout_s)
    outputs = _outputs(target, has_gaps=_GAPS in text)
    if not outputs or code < 0:
        raise ConverterRefused(
            f"dcm2niix made no image: {_reason(text, code)}",
            hint="The originals are kept. Retry after an update, or fetch the series again.",
        )
    return outputs


def _binary() -> str:
    import dcm2niix

    return str(dcm2niix.bin)


def _dies_with_us() -> tuple[str, ...]:
    """Give the prefix that lets the kernel end the child when the thread that waits for it ends."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()


def _run(command: Sequence[str], timeout_s: float) -> tuple[int, str]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
        text=True,
        errors="replace",
    )
    try:
        text, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise ConverterRefused(
            f"dcm2niix took longer than {timeout_s:g} s",
            hint="See imports.convert_timeout_s. The originals are kept.",
        ) from None
    return process.returncode, text


def _outputs(target: Path, *, has_gaps: bool = False) -> list[Output]:
    images = [path for path in target.iterdir() if path.suffix == ".nii"]
    found = [_output(image, has_gaps=has_gaps) for image in images]
    return sorted(found, key=lambda output: (len(output.variant) > 0, output.variant))


def _output(image: Path, *, has_gaps: bool = False) -> Output:
    stem = image.name.removesuffix(".nii")
    sidecars = tuple(image.with_name(stem + suffix) for suffix in _SIDECARS)
    present = tuple(path for path in sidecars if path.exists())
    return Output(image, present, stem.removeprefix(_STEM).lstrip("_"), has_gaps)


def _reason(text: str, code: int) -> str:
    """Give the last line that says what went wrong, without paths."""
    if code < 0:
        return f"it died with signal {-code}"
    lines = [line.strip() for line in text.splitlines() if _SHOWN.search(line)]
    last = lines[-1] if lines else f"exit code {code}"
    return _PATHS.sub("…", last)[:_MAX_MESSAGE]
