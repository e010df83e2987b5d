"""Erasing one subject: everything that is of it leaves the disk, the databases and old backups."""

from __future__ import annotations

__all__ = []
