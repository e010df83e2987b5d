"""What all bodies of requests and answers share."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

__all__ = ["Done", "Input", "Items", "Page", "Problem"]

T = TypeVar("T")


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all request bodies: a misspelt field is an error."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some rows, the cursor of the next page (null at the end), and how many match in all."""

    items: list[T]
    next: str | None
    total: int


class Items(msgspec.Struct, Generic[T], frozen=True):
    """All rows of a short list."""

    items: list[T]


class Done(msgspec.Struct, frozen=True):
    """An acknowledgement: how many things were changed."""

    n: int


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error, as ``application/problem+json``.

    Attributes
    ----------
    key : str
        Stable name of the kind of error, such as ``"not_found"``.
    hint : str
        What to do about it.
    facts : dict
        Machine-readable details.
    """

    type: str
    title: str
    status: int
    detail: str
    hint: str
    key: str
    facts: dict[str, Any] = {}
