"""Counts of projects and tags, taken from the postings."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from appliance.catalog.postings import Ids, Postings

__all__ = ["ProjectCounts", "project_counts", "tag_counts"]


class ProjectCounts(NamedTuple):
    """What a project holds, without what is in the trash."""

    n_subjects: int
    n_studies: int
    n_files: int
    size_bytes: int


def project_counts(postings: Postings, project_id: int) -> ProjectCounts:
    """Count a project: O(studies)."""
    table = postings.studies
    own = table.project == project_id
    return ProjectCounts(
        n_subjects=int(postings.live_subjects(project_id).sum()),
        n_studies=int(postings.live_studies(project_id).sum()),
        n_files=int(table.n_files[own].sum()),
        size_bytes=int(table.size_bytes[own].sum()),
    )


def tag_counts(postings: Postings, project_id: int) -> dict[str, dict[str, int]]:
    """Count the tags of a project on each level, by name: O(tagged)."""
    subjects, studies = postings.live_subjects(project_id), postings.live_studies(project_id)
    counters: dict[str, Callable[[Ids], int]] = {
        "subject": lambda ids: int(subjects[ids[ids < len(subjects)]].sum()),
        "study": lambda ids: int(studies[ids[ids < len(studies)]].sum()),
        "file": lambda ids: _files_of(postings, project_id, ids),
    }
    found: dict[str, dict[str, int]] = {}
    for level, count in counters.items():
        counts = {tag_id: count(ids) for tag_id, ids in postings.tags[level].items()}
        names = postings.tag_names
        named = {names[tag_id]: n for tag_id, n in counts.items() if n and tag_id in names}
        found[level] = dict(sorted(named.items(), key=lambda item: item[0].lower()))
    return found


def _files_of(postings: Postings, project_id: int, ids: Ids) -> int:
    """Count those files that are not in the trash and belong to a project."""
    own = postings.studies.project == project_id
    clean = own.copy()
    clean[postings.dirty] = False
    of_file = postings.base.study_of_file
    in_base = clean[of_file[ids[ids < len(of_file)]]].sum()
    return int(in_base + np.isin(postings.overlay.file[own[postings.overlay.study]], ids).sum())
