"""A server behind which everything works, for calls in this process."""

from __future__ import annotations

from tests.web_api.conftest import works

__all__ = ["works"]
