"""Notifications: what happened is told to those whom it concerns, in the browser or elsewhere.

Everything is derived from the catalog's events, each once. Texts hold counts, names of projects,
batches and rules, and codes of subjects at most; nothing leaves the machine unless the settings
name a mail server or a URL.
"""

from __future__ import annotations

__all__ = []
