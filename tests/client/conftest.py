"""The real server of the web tests, for the client."""

from __future__ import annotations

from tests.web_api.conftest import image, site, works

__all__ = ["image", "site", "works"]
