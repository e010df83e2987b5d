"""Headers that are read before they are needed, for the step that sorts files into series.

Taking waits for the disk, reading headers for the processor: one beside the other costs the time
of one. In a drop folder headers are read already while its files settle, and hold as long as a
file stays the very same. What is not held any more, as after a restart, is simply read again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.exchange.folder_scan import Found

if TYPE_CHECKING:
    from appliance.formats import DicomRecord, ScanProblem

    Scan = DicomRecord | ScanProblem

__all__ = ["ReadAhead"]

_MOST = 14_000  # files that are read while they settle
_MOST_BYTES = 24 << 20  # of all that is held
_ROOM_BYTES = 4 << 20  # of that, for what is read while it is taken
_RECORD_BYTES = 1200  # of one, with its place in a table, beside its texts
_MANY = 64  # files for which it is worth a thread
_PART = 60  # too few to start the compiler for: it takes as long as reading what is held at most
_RACY_NS = 100_000_000  # a change this recent may be followed by one that no time tells of
_TEXTS = ("patient_name", "study_description", "series_description", "protocol", "patient_id")
Stamp = tuple[int, int, int, int]


class ReadAhead:
    """What was read of files that lie in our own ``incoming/``, or in a drop folder, by path."""

    def __init__(self) -> None:
        self._held: dict[Path, Scan] = {}
        self._expected: dict[str, tuple[Stamp, DicomRecord]] = {}
        self._n_bytes = 0
        self._lock = threading.Lock()
        self._reader: threading.Thread | None = None

    @property
    def reads(self) -> bool:
        """Whether headers are being read in the background."""
        return self._reader is not None and self._reader.is_alive()

    def expect(self, files: Sequence[Found]) -> None:
        """Read headers of files that will be taken when they have settled, in the background.

        The last come first, for who takes them begins with the first. Nothing for a few files,
        or while others are being read.
        """
        if len(files) < _MANY or self.reads:
            return
        texts = [file.text for file in files[-_MOST:]]
        self._reader = threading.Thread(
            target=self._read_expected, args=(texts,), name="read-ahead", daemon=True
        )
        self._reader.start()

    @property
    def n_bytes(self) -> int:
        """About how much memory is taken by what is held."""
        return self._n_bytes

    def series_of(self, texts: Iterable[str]) -> list[str | None]:
        """Give the SeriesInstanceUID of each file that was read while it settled, else None."""
        with self._lock:
            found = [self._expected.get(text) for text in texts]
        return [known[1].series_uid if known else None for known in found]

    def adopt(self, moved: Mapping[str, tuple[os.stat_result, Path]]) -> set[Path]:
        """Take over headers of files that were renamed; gives the new paths of those held.

        Parameters
        ----------
        moved : mapping
            From the path a file had to what it was just before, and where it lies now.
        """
        found: set[Path] = set()
        with self._lock:
            for source, (facts, path) in moved.items():
                known = self._forget(source)
                if known is None or known[0] != _stamp(facts):
                    continue
                if self._hold(path, msgspec.structs.replace(known[1], path=path)):
                    found.add(path)
        return found

    def read(self, paths: Sequence[Path]) -> None:
        """Read the headers of files; nothing when very much is held already."""
        if self._n_bytes + len(paths) * _RECORD_BYTES <= _MOST_BYTES:
            self.keep(_scan_in_parts(paths))

    def keep(self, scans: Iterable[Scan]) -> None:
        """Hold what was read already, as far as there is room."""
        for scan in scans:
            with self._lock:
                if not self._hold(scan.path, scan):
                    return

    def scan(self, paths: Sequence[Path]) -> Iterator[Scan]:
        """Give one record or problem per path, in order, and hold them no longer."""
        from appliance.formats import scan_dicom

        with self._lock:
            held = {path: self._held.pop(path) for path in paths if path in self._held}
            self._n_bytes -= sum(map(_n_bytes, held.values()))
        rest = scan_dicom(path for path in paths if path not in held)
        for path in paths:
            yield held[path] if path in held else next(rest)

    def _hold(self, path: Path, scan: Scan) -> bool:
        """Hold one more for who sorts; False when there is no room. The lock is the caller's."""
        n_bytes = _n_bytes(scan)
        if path in self._held:
            return True
        if self._n_bytes + n_bytes > _MOST_BYTES:
            return False
        self._held[path] = scan
        self._n_bytes += n_bytes
        return True

    def _forget(self, text: str) -> tuple[Stamp, DicomRecord] | None:
        """Give up one that was expected. The lock is the caller's."""
        known = self._expected.pop(text, None)
        if known is not None:
            self._n_bytes -= _n_bytes(known[1])
        return known

    def _read_expected(self, texts: list[str]) -> None:
        from appliance.formats import DicomRecord

        stamps: list[tuple[str, Stamp]] = []
        for scan in _scan_in_parts(_fresh(reversed(texts), self._expected, stamps)):
            text, stamp = stamps.pop()
            if not isinstance(scan, DicomRecord):
                continue  # whoever takes it looks once more
            with self._lock:
                self._forget(text)
                self._expected[text] = (stamp, scan)
                self._n_bytes += _n_bytes(scan)
                while self._expected and self._n_bytes > _MOST_BYTES - _ROOM_BYTES:
                    self._forget(next(iter(self._expected)))


def _scan_in_parts(paths: Iterable[Path]) -> Iterator[Scan]:
    """Read headers lazily, some at a time."""
    from appliance.formats import scan_dicom

    waiting = iter(paths)
    while (first := next(waiting, None)) is not None:
        yield from scan_dicom(chain([first], islice(waiting, _PART - 1)))


def _fresh(
    texts: Iterator[str],
    known: Mapping[str, tuple[Stamp, DicomRecord]],
    stamps: list[tuple[str, Stamp]],
) -> Iterator[Path]:
    """Give files whose headers are not known as they are now, and note what they are."""
    for text in texts:
        try:
            facts = os.lstat(text)
        except OSError:
            continue  # taken meanwhile, or gone
        stamp = _stamp(facts)
        settled = time.time_ns() - facts.st_ctime_ns > _RACY_NS
        before = known.get(text)
        if settled and (before is None or before[0] != stamp):
            stamps.append((text, stamp))
            yield Path(text)


def _n_bytes(scan: Scan) -> int:
    """About how much memory a record takes; texts of a header may be long."""
    from appliance.formats import DicomRecord

    if not isinstance(scan, DicomRecord):
        return _RECORD_BYTES + len(scan.message)
    return _RECORD_BYTES + sum(len(getattr(scan, name)) for name in _TEXTS)


def _stamp(facts: os.stat_result) -> Stamp:
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
