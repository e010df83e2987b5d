"""Characters of a filter to words, with quotes taken off and every place remembered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from appliance.core import Invalid

__all__ = ["BLANKS", "Scanner", "Word", "check_text", "fail"]

BLANKS = " \t\r\n"
_HINT = 'Blank means or, & means and, ! not; "..." quotes a text with blanks or signs.'
_MAX_TEXT = 4 << 20
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


def fail(what: str, message: str, at: int, hint: str = _HINT) -> NoReturn:
    """Raise `Invalid` with the fact ``position``, the index of the character that does not fit."""
    raise Invalid(f"{what}: {message} (character {at + 1})", hint=hint, position=at)


def check_text(text: str, what: str) -> None:
    """Refuse what no name can hold and no database could be asked: control characters."""
    if len(text) > _MAX_TEXT:
        fail(what, "this is too long", _MAX_TEXT)
    odd = _ODD.search(text)
    if odd:
        fail(what, "this character cannot be searched for", odd.start())


@dataclass(frozen=True, slots=True)
class Word:
    """Text without its quotes; for each character its place and whether it stood bare."""

    what: str
    text: str
    spots: tuple[int, ...]
    bare: tuple[bool, ...]
    end: int

    @property
    def at(self) -> int:
        """Place of the first character, or of the end when there is none."""
        return self.spots[0] if self.spots else self.end

    @property
    def is_bare(self) -> bool:
        """No character is quoted."""
        return all(self.bare)

    def find(self, char: str) -> int:
        """Index of the first bare `char`, or -1."""
        found = zip(self.text, self.bare, strict=True)
        return next((i for i, (c, bare) in enumerate(found) if bare and c == char), -1)

    def cut(self, start: int, stop: int | None = None) -> Word:
        """Give a part of it."""
        part = slice(start, stop)
        end = self.end if stop is None or stop >= len(self.text) else self.spots[stop]
        return Word(self.what, self.text[part], self.spots[part], self.bare[part], end)

    def split(self, char: str) -> list[Word]:
        """Give the parts between bare `char`."""
        pairs = enumerate(zip(self.text, self.bare, strict=True))
        ends = [i for i, (c, bare) in pairs if bare and c == char]
        starts = [0, *(i + 1 for i in ends)]
        return [self.cut(*span) for span in zip(starts, [*ends, None], strict=True)]

    def fail(self, message: str, hint: str = _HINT) -> NoReturn:
        """Say that something is wrong where this word starts."""
        fail(self.what, message, self.at, hint)


class Scanner:
    """Reads words and signs of one text.

    Parameters
    ----------
    text : str
        As typed.
    what : str
        What it is, for messages: filter, selector.
    """

    def __init__(self, text: str, what: str) -> None:
        check_text(text, what)
        self.text, self.what, self.at = text, what, 0

    def blanks(self) -> None:
        """Go on to the next character that is no blank."""
        while (char := self.peek()) and char in BLANKS:
            self.at += 1

    def peek(self) -> str:
        """Give the next character, empty at the end."""
        return self.text[self.at : self.at + 1]

    def word(self, *, in_group: bool) -> Word:
        """Read one word; in a group a ``)`` without its ``(`` ends it."""
        chars: list[tuple[str, int, bool]] = []
        depth = 0
        while (char := self.peek()) and char not in BLANKS and char != "&":
            if char == '"' or (char == "'" and self._may_open(chars)):
                chars += self._quoted(char)
                continue
            depth += {"(": 1, ")": -1}.get(char, 0)
            if in_group and depth < 0:
                break
            chars.append((char, self.at, True))
            self.at += 1
        text, spots, bare = "".join(c for c, _, _ in chars), *_columns(chars)
        return Word(self.what, text, spots, bare, self.at)

    def _may_open(self, chars: list[tuple[str, int, bool]]) -> bool:
        """An apostrophe inside a word is only that; at its start or after ``:``, ``,`` a quote."""
        return not chars or not chars[-1][2] or chars[-1][0] in ":,#="

    def _quoted(self, quote: str) -> list[tuple[str, int, bool]]:
        """Read up to the closing quote; a doubled quote stands for itself."""
        start = self.at
        chars = []
        self.at += 1
        while (char := self.peek()) != quote or self.text[self.at + 1 : self.at + 2] == quote:
            if not char:
                fail(self.what, "this quote is never closed", start)
            chars.append((char, self.at, False))
            self.at += 2 if char == quote else 1
        self.at += 1
        return chars


def _columns(chars: list[tuple[str, int, bool]]) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    return tuple(at for _, at, _ in chars), tuple(bare for _, _, bare in chars)
