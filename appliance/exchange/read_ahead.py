"""Headers that are read while files are still being taken, for the step that sorts them after.

Taking waits for the disk, reading headers for the processor: one beside the other costs the time
of one. What is not held any more, as after a restart, is simply read again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.formats import DicomRecord, ScanProblem

    Scan = DicomRecord | ScanProblem

__all__ = ["ReadAhead"]

_MOST = 20_000  # some kilobytes each


class ReadAhead:
    """What was read of files that lie in our own ``incoming/``, by path."""

    def __init__(self) -> None:
        self._held: dict[Path, Scan] = {}
        self._lock = threading.Lock()

    def read(self, paths: Sequence[Path]) -> None:
        """Read the headers of files; nothing when very many wait already."""
        from appliance.formats import scan_dicom

        if len(self._held) + len(paths) > _MOST:
            return
        found = list(scan_dicom(paths))
        with self._lock:
            self._held.update(zip(paths, found, strict=True))

    def scan(self, paths: Sequence[Path]) -> Iterator[Scan]:
        """Give one record or problem per path, in order, and hold them no longer."""
        from appliance.formats import scan_dicom

        with self._lock:
            held = {path: self._held.pop(path) for path in paths if path in self._held}
        rest = scan_dicom(path for path in paths if path not in held)
        for path in paths:
            yield held[path] if path in held else next(rest)
