"""What an erasure would take, and what it leaves."""

from __future__ import annotations

import msgspec

__all__ = ["ErasurePlan", "OfAnother"]


class OfAnother(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was made from files of the subject and belongs to somebody or something else."""

    psid: str
    path: str
    is_model: bool


class ErasurePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be erased of a subject, and what would stay.

    Attributes
    ----------
    studies : list of str
        Names of its studies.
    n_files, n_originals, n_held, n_jobs, n_cached, n_names : int
        Files of the catalog with all versions; DICOM originals; files in quarantine or arriving;
        jobs with their folders; entries of caches; names that files came with.
    size_bytes : int
        On the disk.
    backups : list of str
        Backups that may hold its rows; they go by rotation, and a restore erases again.
    of_others : list of OfAnother
        What was made from its files and stays, models among them: see to it.
    elsewhere : list of str
        Subjects with the same PatientID in other projects, as ``PROJECT/CODE``; they stay.
    sources : list of str
        Folders of the user's that its files lie in; they are never changed.
    busy : str
        Why it cannot be erased now; empty when it can.
    """

    project: str
    code: str
    studies: list[str]
    n_files: int
    n_originals: int
    n_held: int
    n_jobs: int
    n_cached: int
    n_names: int
    size_bytes: int
    backups: list[str]
    of_others: list[OfAnother]
    elsewhere: list[str]
    sources: list[str]
    busy: str
