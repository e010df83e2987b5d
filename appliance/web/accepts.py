"""The header Accept as DICOMweb writes it: media ranges with parameters of their own, and q."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

__all__ = ["Form", "best_form", "parse_accept"]

_RANGE = re.compile(r'(?:[^,"]|"[^"]*")+')
_PARAMETER = re.compile(r';\s*([\w-]+)\s*=\s*("[^"]*"|[^;,"\s]+)')
_ANY = "*/*"
_OCTETS = "application/octet-stream"
_NATIVE = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"})


class Form(msgspec.Struct, frozen=True):
    """A form in which an answer can be given.

    Attributes
    ----------
    kind : str
        Media type.
    inner : str
        Media type of the parts of a multipart answer.
    syntax : str
        Transfer syntax; empty where none is agreed on.
    """

    kind: str
    inner: str = ""
    syntax: str = ""


class _Range(msgspec.Struct, frozen=True):
    kind: str
    inner: str
    syntax: str
    q: float

    def covers(self, form: Form) -> bool:
        if not _within(form.kind, self.kind):
            return False
        if self.inner and not _within(form.inner, self.inner):
            return False
        return not form.syntax or self._covers_syntax(form)

    def _covers_syntax(self, form: Form) -> bool:
        if self.syntax in ("*", form.syntax):
            return True
        if form.syntax in _NATIVE:  # the bytes of a frame are the same
            return not self.syntax or self.syntax in _NATIVE
        # octets without a word on the syntax are uncompressed, PS3.18 8.7.3.3.2
        return not self.syntax and _OCTETS not in (self.kind, self.inner)

    def closeness(self) -> tuple[int, bool, bool]:
        """Order ranges: who is nearer to one form decides about it, RFC 9110 12.5.1."""
        return -self.kind.count("*"), bool(self.inner), bool(self.syntax)


def parse_accept(headers: Iterable[str]) -> tuple[_Range, ...]:
    """Read all lines of the header; without any, every form is accepted."""
    found = [_read(one[0]) for told in headers for one in _RANGE.finditer(told) if one[0].strip()]
    return tuple(found) or (_Range(_ANY, "", "", 1.0),)


def best_form(ranges: Sequence[_Range], forms: Sequence[Form]) -> Form | None:
    """Give the form that is liked best, of equals the first; None: none is accepted."""
    liked = max(forms, key=lambda form: _quality(ranges, form))
    return liked if _quality(ranges, liked) > 0 else None


def _quality(ranges: Sequence[_Range], form: Form) -> float:
    covering = [one for one in ranges if one.covers(form)]
    return max(covering, key=lambda one: (one.closeness(), one.q)).q if covering else 0.0


def _read(text: str) -> _Range:
    told = {name.lower(): value.strip('"').lower() for name, value in _PARAMETER.findall(text)}
    kind = text.partition(";")[0].strip().lower()
    syntax = told.get("transfer-syntax", "")
    return _Range(kind, told.get("type", ""), syntax, _number(told.get("q", "1")))


def _number(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 1.0


def _within(kind: str, wanted: str) -> bool:
    return wanted in (_ANY, "*", kind) or wanted == f"{kind.partition('/')[0]}/*"
