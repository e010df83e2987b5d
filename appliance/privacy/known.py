"""Words that tell who some people are, for looking through many texts quickly."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from appliance.privacy.identity import Identity

__all__ = ["KnownWords"]

_TOKEN = re.compile(r"[^\W_]+")
_SHORTEST = 3  # two letters occur by chance
_SPLIT = re.compile(r"[\^= ,\-\\]+")


class KnownWords:
    """Names, numbers and birth dates of some people; it never tells which one it found.

    Parameters
    ----------
    people : iterable of Identity
        Whose words are sought.

    Notes
    -----
    A text is cut into words once and each is looked up, so that the time does not grow with the
    number of people.
    """

    def __init__(self, people: Iterable[Identity]) -> None:
        self._single: set[str] = set()
        self._several: set[str] = set()
        for word in {word for one in people for word in _words(one.cleaned())}:
            tokens = _TOKEN.findall(word)
            if len(tokens) == 1 and len(tokens[0]) >= _SHORTEST:
                self._single.add(tokens[0])
            elif len(tokens) > 1:
                self._several.add(" ".join(tokens))

    def __repr__(self) -> str:
        return "KnownWords()"  # so that no log line or traceback names anyone

    def found_in(self, text: str) -> bool:
        """Tell whether a text holds a word of somebody."""
        tokens = _TOKEN.findall(text.casefold())
        if not self._single.isdisjoint(tokens):
            return True
        if not self._several or not tokens:
            return False
        spaced = f" {' '.join(tokens)} "
        return any(f" {one} " in spaced for one in self._several)


def _words(one: Identity) -> Iterator[str]:
    yield one.patient_id.casefold()
    birth = one.birth_date
    if len(birth) == 8:
        year, month, day = birth[:4], birth[4:6], birth[6:]
        yield from (birth, f"{year} {month} {day}", f"{day} {month} {year}", f"{day}{month}{year}")
    for group in one.name.casefold().split("="):
        parts = [part for part in _SPLIT.split(group) if part]
        yield from parts
        if len(parts) > 1:
            yield from (f"{parts[0]}{parts[1]}", f"{parts[1]}{parts[0]}")
