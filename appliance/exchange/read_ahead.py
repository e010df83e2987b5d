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

_MOST = 20_000  # some kilobytes each
_MANY = 64  # files for which it is worth a thread
_PART = 60  # too few to start the compiler for: it takes as long as reading what is held at most
_RACY_NS = 100_000_000  # a change this recent may be followed by one that no time tells of
Stamp = tuple[int, int, int, int]


class ReadAhead:
    """What was read of files that lie in our own ``incoming/``, or in a drop folder, by path."""

    def __init__(self) -> None:
        self._held: dict[Path, Scan] = {}
        self._expected: dict[str, tuple[Stamp, DicomRecord]] = {}
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

    def adopt(self, moved: Mapping[str, tuple[os.stat_result, Path]]) -> set[Path]:
        """Take over headers of files that were renamed; gives the new paths of those held.

        Parameters
        ----------
        moved : mapping
            From the path a file had to what it was just before, and where it lies now.
        """
        found: dict[Path, Scan] = {}
        with self._lock:
            room = _MOST - len(self._held)
            for source, (facts, path) in moved.items():
                known = self._expected.pop(source, None)
                if known is not None and known[0] == _stamp(facts) and len(found) < room:
                    found[path] = msgspec.structs.replace(known[1], path=path)
            self._held.update(found)
        return set(found)

    def read(self, paths: Sequence[Path]) -> None:
        """Read the headers of files; nothing when very many wait already."""
        if len(self._held) + len(paths) > _MOST:
            return
        found = list(_scan_in_parts(paths))
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

    def _read_expected(self, texts: list[str]) -> None:
        from appliance.formats import DicomRecord

        stamps: list[tuple[str, Stamp]] = []
        for scan in _scan_in_parts(_fresh(reversed(texts), self._expected, stamps)):
            text, stamp = stamps.pop()
            if not isinstance(scan, DicomRecord):
                continue  # whoever takes it looks once more
            with self._lock:
                self._expected[text] = (stamp, scan)
                while len(self._expected) > _MOST:
                    self._expected.pop(next(iter(self._expected)))


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


def _stamp(facts: os.stat_result) -> Stamp:
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
