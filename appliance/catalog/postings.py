"""The postings: which studies hold which paths, as arrays in memory; one consistent state of them.

A state never changes. The bulk of the files is the `Base`, sorted by path; studies touched since it
was made are dirty, and their files stand in the overlay instead. The rows of the base that belong
to a dirty study count for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from appliance.catalog.interned import Words

__all__ = [
    "KINDS",
    "UNKNOWN_KIND",
    "Base",
    "FileRows",
    "Ids",
    "Mask",
    "Postings",
    "StudyTable",
    "SubjectTable",
]

Ids = NDArray[np.int32]
Mask = NDArray[np.bool_]

KINDS = (
    "other",
    "image",
    "mask",
    "labels",
    "surface",
    "streamlines",
    "table",
    "json",
    "text",
    "document",
    "pyramid",
)  # codes of the column `kind`; what is none of them is `UNKNOWN_KIND`
UNKNOWN_KIND = 255
_FEW_RUNS = 200  # so many slices are as fast as one gather


@dataclass(frozen=True)
class FileRows:
    """Columns of live files, one entry a file; `path` is empty where the order tells it."""

    file: Ids
    study: Ids
    path: Ids
    kind: NDArray[np.uint8]
    size_bytes: NDArray[np.int64]
    mtime_ns: NDArray[np.int64]

    @classmethod
    def none(cls) -> Self:
        """Give no rows."""
        ids, numbers = np.zeros(0, np.int32), np.zeros(0, np.int64)
        return cls(ids, ids, ids, np.zeros(0, np.uint8), numbers, numbers)

    def take(self, chosen: NDArray[np.int64] | Mask) -> Self:
        """Give some of the rows, by place or by mask."""
        return replace(self, **{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    def plus(self, *others: FileRows) -> Self:
        """Give these rows and others after them."""
        parts = (self, *others)
        columns = {
            f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(self)
        }
        return replace(self, **columns)

    def __len__(self) -> int:
        return len(self.file)


@dataclass(frozen=True)
class Base:
    """Files sorted by path, then by id.

    Attributes
    ----------
    rows : FileRows
        Without their path column.
    path_ids : Ids
        The paths in use, in the order of their text.
    ends : NDArray[np.int64]
        Where the rows of each of them begin, and the end of all.
    position : Ids
        Place in `path_ids` of a path id, -1 for none.
    """

    rows: FileRows
    path_ids: Ids
    ends: NDArray[np.int64]
    position: Ids

    @classmethod
    def build(cls, rows: FileRows, ranks: NDArray[np.int64]) -> Base:
        """Sort rows; `ranks` gives the place of each path id in the order of the texts."""
        key = ranks[rows.path] << 32 | rows.file
        order = np.argsort(key)
        sorted_paths = rows.path[order]
        first = np.flatnonzero(np.diff(sorted_paths, prepend=-1))
        path_ids = sorted_paths[first]
        position = np.full(len(ranks), -1, np.int32)
        position[path_ids] = np.arange(len(path_ids), dtype=np.int32)
        bare = replace(rows.take(order), path=np.zeros(0, np.int32))
        return cls(bare, path_ids, np.append(first, len(order)), position)

    @cached_property
    def study_of_file(self) -> Ids:
        """Study of each file id, 0 for none."""
        found = np.zeros(int(self.rows.file.max(initial=0)) + 1, np.int32)
        found[self.rows.file] = self.rows.study
        return found

    def path_column(self) -> Ids:
        """Path id of each row."""
        return np.repeat(self.path_ids, np.diff(self.ends))

    def places(self, path_ids: Ids) -> Ids:
        """Places of those paths that have rows, ascending."""
        found = self.position[path_ids[path_ids < len(self.position)]]
        return np.sort(found[found >= 0])

    def spans(self, path_ids: Ids) -> Iterator[slice | NDArray[np.int64]]:
        """Give the rows of some paths, as few slices or as one array of places."""
        places = self.places(path_ids)
        if not len(places):
            return
        breaks = np.flatnonzero(np.diff(places) != 1)
        begins, ends = self.ends[places], self.ends[places + 1]
        if len(breaks) < _FEW_RUNS:
            runs = zip([0, *(breaks + 1)], [*breaks, len(places) - 1], strict=True)
            yield from (slice(begins[a], ends[b]) for a, b in runs)
            return
        counts = ends - begins
        offsets = np.cumsum(counts) - counts
        yield np.arange(counts.sum()) + np.repeat(begins - offsets, counts)

    def row_mask(self, path_ids: Ids) -> Mask:
        """Tell for each row whether it has one of these paths."""
        chosen = np.zeros(len(self.path_ids), np.bool_)
        chosen[self.places(path_ids)] = True
        return np.repeat(chosen, np.diff(self.ends))


@dataclass(frozen=True)
class SubjectTable:
    """Columns of subjects by id; `project` is 0 where there is none."""

    project: Ids
    live: Mask
    pid: Ids
    created: NDArray[np.int64]


@dataclass(frozen=True)
class StudyTable:
    """Columns of studies by id; `project` is 0 where there is none; texts are codes of `Words`."""

    project: Ids
    subject: Ids
    live: Mask
    sid: Ids
    date: Ids
    description: Ids
    age: NDArray[np.float64]
    created: NDArray[np.int64]
    n_files: Ids
    size_bytes: NDArray[np.int64]
    first_image: Ids

    def __len__(self) -> int:
        return len(self.project)


@dataclass(frozen=True)
class Postings:
    """One state of the catalog, for filters and for the order of pages."""

    base: Base
    overlay: FileRows
    dirty: Ids
    studies: StudyTable
    subjects: SubjectTable
    words: Mapping[str, Words]
    tags: Mapping[str, Mapping[int, Ids]]
    tag_names: Mapping[int, str]

    def live_studies(self, project_id: int) -> Mask:
        """Tell for each study id whether it is one of a project's, not in the trash."""
        found: Mask = self.studies.live & (self.studies.project == project_id)
        return found

    def live_subjects(self, project_id: int) -> Mask:
        """Tell for each subject id whether it is one of a project's, not in the trash."""
        found: Mask = self.subjects.live & (self.subjects.project == project_id)
        return found

    def studies_with(self, path_ids: Ids) -> Mask:
        """Tell for each study id whether it holds a file with one of these paths."""
        found = np.zeros(len(self.studies), np.bool_)
        for span in self.base.spans(path_ids):
            found[self.base.rows.study[span]] = True
        found[self.dirty] = False
        found[self.overlay.study[_among(self.overlay.path, path_ids)]] = True
        return found

    def overlay_mask(self, path_ids: Ids) -> Mask:
        """Tell for each row of the overlay whether it has one of these paths."""
        return _among(self.overlay.path, path_ids)

    def studies_of_files(self, file_ids: Ids) -> Mask:
        """Tell for each study id whether it holds one of these files."""
        found = np.zeros(len(self.studies), np.bool_)
        of_file = self.base.study_of_file
        found[of_file[file_ids[file_ids < len(of_file)]]] = True
        found[0] = False
        found[self.dirty] = False
        found[self.overlay.study[_among(self.overlay.file, file_ids)]] = True
        return found

    @property
    def n_bytes(self) -> int:
        """Memory of all arrays."""
        parts = (self.base.rows, self.base, self.overlay, self.studies, self.subjects)
        arrays = [getattr(part, f.name) for part in parts for f in fields(part)]
        arrays += [ids for level in self.tags.values() for ids in level.values()]
        return sum(a.nbytes for a in arrays if isinstance(a, np.ndarray))


def _among(values: Ids, wanted: Ids) -> Mask:
    """Tell which values are wanted, by a table."""
    if not len(values):
        return np.zeros(0, np.bool_)
    table = np.zeros(int(values.max()) + 1, np.bool_)
    table[wanted[wanted < len(table)]] = True
    return table[values]
