"""Makes slices of one series for whoever asks on its standard input, in a process of its own.

``python -m appliance.tomography.slice_worker FOLDER``. Each line asks for a slice as JSON
``[axis, index, [tilts left out]]``; each answer is a line of JSON, and a PNG of as many bytes as it
says. The process ends with its input.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from appliance.core import ApplianceError
from appliance.tomography.slice_series import SliceAxis, SlicedSeries, sliced_series

__all__ = ["Pictures", "main"]

F32 = NDArray[np.float32]
_NICE = 5  # who waits for a page goes before who looks at a slice
_KEPT = 6
_TAILS = (0.005, 0.995)


class Pictures:
    """Slices as grey pictures; all of one place have the contrast of the tomogram there.

    So two of them can be laid over each other by eye: what differs is the slice, not its window.
    """

    def __init__(self, series: SlicedSeries) -> None:
        self._series = series
        self._windows: dict[tuple[SliceAxis, int], tuple[float, float]] = {}

    def make(self, axis: SliceAxis, index: int, without: tuple[int, ...]) -> bytes:
        """Give a slice as PNG; its upper edge is where the viewer has it.

        Raises
        ------
        Invalid
            If there is no such slice, or too few tilts are left.
        """
        made = self._series.slice(axis, index, without)
        low, high = self._window(axis, index, without, made)
        span = max(high - low, 1e-30)
        grey = np.clip((made[::-1] - low) * (255 / span), 0, 255).astype(np.uint8)
        return _png(grey)

    def _window(
        self, axis: SliceAxis, index: int, without: tuple[int, ...], made: F32
    ) -> tuple[float, float]:
        place = (axis, index)
        if place not in self._windows:
            kept = self._series.facts.left_out
            whole = made if set(without) == set(kept) else self._series.slice(axis, index, kept)
            low, high = np.quantile(whole[::2, ::2], _TAILS)
            while len(self._windows) >= _KEPT:
                del self._windows[next(iter(self._windows))]
            self._windows[place] = float(low), float(high)
        return self._windows[place]


def main(words: list[str], asked: BinaryIO, told: BinaryIO) -> int:
    """Answer until nothing more is asked; give 1 when the series cannot be opened."""
    os.nice(_NICE)
    try:
        with sliced_series(Path(words[0])) as series:
            pictures = Pictures(series)
            _tell(told, {})
            for line in asked:
                _answer(told, pictures, json.loads(line))
    except (ApplianceError, OSError) as error:
        _tell(told, _told_of(error))
        return 1
    return 0


def _answer(told: BinaryIO, pictures: Pictures, asked: list[Any]) -> None:
    axis, index, without = asked
    began = time.perf_counter()
    try:
        picture = pictures.make(axis, index, tuple(without))
    except ApplianceError as error:
        _tell(told, _told_of(error))
        return
    _tell(told, {"bytes": len(picture), "seconds": time.perf_counter() - began}, picture)


def _told_of(error: ApplianceError | OSError) -> dict[str, Any]:
    if isinstance(error, ApplianceError):
        return {"error": error.message, "hint": error.hint, "kind": type(error).__name__}
    return {"error": f"the series cannot be read: {error.strerror}", "hint": "", "kind": ""}


def _tell(told: BinaryIO, line: dict[str, Any], more: bytes = b"") -> None:
    told.write(json.dumps(line).encode() + b"\n" + more)
    told.flush()


def _png(grey: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer))
