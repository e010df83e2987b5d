"""The one tree of errors that reach a person, each with a stable key and an HTTP status.

::

    ApplianceError
    +-- SettingsError      a setting or its file is wrong
    +-- NotFound           what was named does not exist
    +-- Refused            not allowed for this caller or by a safety rule
    +-- Conflict           the present state forbids it
    +-- Invalid            the request makes no sense (also a ValueError)
    |   +-- FormatError    a file is not what it claims to be
    +-- ExchangeError      an arrival or a delivery went wrong
    |   +-- PeerError      the machine at the other end refused or failed
    +-- JobError           a job could not be composed, started or finished
    +-- ModelError         a model is missing or does not fit
    +-- StorageError       the disk or the data folder refuses
    |   +-- DiskFull       there is not enough space
    +-- UpkeepError        a check, a backup or a restore failed
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "ApplianceError",
    "Conflict",
    "DiskFull",
    "ExchangeError",
    "FormatError",
    "Invalid",
    "JobError",
    "ModelError",
    "NotFound",
    "PeerError",
    "Refused",
    "SettingsError",
    "StorageError",
    "UpkeepError",
]


class ApplianceError(Exception):
    """Root of all errors with a message for a person.

    Parameters
    ----------
    message : str
        What happened, and to what.
    hint : str, optional
        What to do about it.
    **facts
        Machine-readable details; never the identity of a patient.
    """

    key: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts = facts


class SettingsError(ApplianceError):
    """A setting, or a file that holds settings, cannot be used."""

    key = "settings"
    status = 500


class NotFound(ApplianceError):
    """What was named does not exist, or not for this caller."""

    key = "not_found"
    status = 404


class Refused(ApplianceError):
    """The caller may not do this, or a safety rule forbids it."""

    key = "refused"
    status = 403


class Conflict(ApplianceError):
    """The present state forbids it."""

    key = "conflict"
    status = 409


class Invalid(ApplianceError, ValueError):
    """The request itself makes no sense."""

    key = "invalid"
    status = 400


class FormatError(Invalid):
    """A file is not what it claims to be, or not readable here."""

    key = "format"
    status = 422


class ExchangeError(ApplianceError):
    """An arrival or a delivery went wrong."""

    key = "exchange"
    status = 422


class PeerError(ExchangeError):
    """The machine at the other end refused or failed."""

    key = "peer"
    status = 502


class JobError(ApplianceError):
    """A job could not be composed, started or finished."""

    key = "job"
    status = 422


class ModelError(ApplianceError):
    """A model is missing or does not fit the data."""

    key = "model"
    status = 422


class StorageError(ApplianceError):
    """The disk or the data folder refuses."""

    key = "storage"
    status = 500


class DiskFull(StorageError):
    """There is not enough free space."""

    key = "disk_full"
    status = 507


class UpkeepError(ApplianceError):
    """A check, a backup, a restore or an upgrade failed."""

    key = "upkeep"
    status = 500
