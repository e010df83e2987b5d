"""What was heard of each archive last, so that a page or a check need not wait for one."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import msgspec

from appliance.core import ApplianceError
from appliance.exchange.pacs_link import Archive

__all__ = ["Contact", "Contacts"]

_STALE_S = 240.0


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """The last word of an archive."""

    ok: bool
    text: str
    hint: str = ""
    at_s: float = 0.0


class Contacts:
    """The last words of all archives.

    Parameters
    ----------
    links : mapping of str to Archive
        The archives; it may change.
    """

    def __init__(self, links: Mapping[str, Archive]) -> None:
        self._links = links
        self._last: dict[str, Contact] = {}
        self._asking: set[str] = set()
        self._lock = threading.Lock()

    def last(self, name: str) -> Contact | None:
        """Give what was heard last; None: it was not asked yet."""
        with self._lock:
            return self._last.get(name)

    def forget(self, name: str) -> None:
        """Forget what an archive said, because it is another one now."""
        with self._lock:
            self._last.pop(name, None)

    def echo(self, link: Archive) -> None:
        """Ask an archive whether it answers, and note what it says.

        Raises
        ------
        PeerError
            If it does not answer, or lets us not in.
        """
        try:
            link.echo()
        except ApplianceError as error:
            self._note(link, ok=False, text=error.message, hint=error.hint)
            raise
        self._note(link, ok=True, text=f"{link} answers")

    def problems(self) -> str:
        """Name the archives that did not answer last, and ask those again that are due."""
        for name, link in list(self._links.items()):
            self._ask_when_due(name, link)
        with self._lock:
            found = {name: one for name, one in self._last.items() if name in self._links}
        return " ".join(f"{one.text}." for _, one in sorted(found.items()) if not one.ok)

    def _note(self, link: Archive, *, ok: bool, text: str, hint: str = "") -> None:
        with self._lock:
            if self._links.get(link.name) is link:
                contact = Contact(ok=ok, text=text, hint=hint, at_s=time.monotonic())
                self._last[link.name] = contact

    def _ask_when_due(self, name: str, link: Archive) -> None:
        with self._lock:
            last = self._last.get(name)
            fresh = last is not None and time.monotonic() - last.at_s < _STALE_S
            if fresh or name in self._asking:
                return
            self._asking.add(name)
        threading.Thread(target=self._ask, args=(name, link), name="pacs-echo", daemon=True).start()

    def _ask(self, name: str, link: Archive) -> None:
        try:
            self.echo(link)
        except ApplianceError:
            pass  # it is noted
        finally:
            with self._lock:
                self._asking.discard(name)
