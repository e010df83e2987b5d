"""Addresses of the API that the manual or the README name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.web.routes import ROUTES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "webui" / "manual").glob("*.md"))]
_MENTION = re.compile(r"/api/v1(/[a-z{][^\s`'\"|)?,;]*)")


def segments(path):
    """A path as parts, any parameter being '{}'."""
    return tuple("{}" if part[:1] in "{<" else part for part in path.strip("/").split("/"))


def fits(mention, route):
    """A mention may write a parameter's name or an example of its value."""
    return len(mention) == len(route) and all(
        there in ("{}", here) for here, there in zip(mention, route, strict=True)
    )


KNOWN = {segments(path) for route in ROUTES for path in route.paths}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_address_that_a_page_names_exists(page):
    for mention in _MENTION.findall(page.read_text(encoding="utf-8")):
        found = segments(mention.rstrip(".:"))
        assert any(fits(found, route) for route in KNOWN), mention


def test_the_pages_name_some_addresses_at_all():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert len(set(_MENTION.findall(text))) >= 5
