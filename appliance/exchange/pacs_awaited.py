"""Which objects that reach the listener were asked for, and the arrivals that they belong to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable

import msgspec

from appliance.core import PacsNode, PeerError
from appliance.exchange.reception import Reception

__all__ = ["Awaited", "Expected"]

_MOST_IDS = 0xFFFF


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """A series, or study, that an archive was asked to send.

    Attributes
    ----------
    title : str
        AE title of the archive.
    addresses : frozenset of str
        Addresses from which it may come.
    asker : str
        AE title under which we ask.
    """

    message_id: int
    title: str
    addresses: frozenset[str]
    asker: str
    study_uid: str
    series_uid: str
    reception: Reception


class Awaited:
    """What was asked for and has not ended yet. Used by several threads.

    Parameters
    ----------
    askers : callable
        Gives the AE titles under which we ask.
    """

    def __init__(self, askers: Callable[[], Iterable[str]] = tuple) -> None:
        self._askers = askers
        self._lock = threading.Lock()
        self._open: dict[int, Expected] = {}
        self._last_id = 0

    def open(
        self, node: PacsNode, asker: str, uids: tuple[str, str], reception: Reception
    ) -> Expected:
        """Await a series of a study; gives the number that the request must have."""
        addresses = _addresses(node.host)
        with self._lock:
            self._last_id = next(i for i in _following(self._last_id) if i not in self._open)
            expected = Expected(
                message_id=self._last_id,
                title=node.ae_title,
                addresses=addresses,
                asker=asker,
                study_uid=uids[0],
                series_uid=uids[1],
                reception=reception,
            )
            self._open[self._last_id] = expected
        return expected

    def close(self, expected: Expected) -> None:
        """Await it no longer."""
        with self._lock:
            self._open.pop(expected.message_id, None)

    def admits(self, title: str, address: str) -> bool:
        """Tell whether an archive that was asked to send may come in for it."""
        with self._lock:
            return any(_comes_from(one, title, address) for one in self._open.values())

    def reception(
        self,
        title: str,
        address: str,
        asked: tuple[str, int | None],
        uids: Callable[[], tuple[str, str]],
    ) -> Reception | None:
        """Give the arrival that an object belongs to; None: nobody asked for it.

        An object says whose request it answers. When it does not, and comes from an archive that
        was asked, its study and series tell.

        Parameters
        ----------
        title, address : str
            Who sends it.
        asked : (str, int or None)
            Who asked for it, and the number of that request, as the object says.
        uids : callable
            Gives its study and series.

        Raises
        ------
        PeerError
            If it answers a request of ours that has ended: its project is not known any more.
        """
        asker, number = asked
        with self._lock:
            found = list(self._open.values())
        for one in found:
            known = _comes_from(one, title, address)
            if asker == one.asker and number == one.message_id:
                return one.reception
            if known and number is None and _is_of(one, uids()):
                return one.reception
        if number is not None and asker in self._askers():
            raise PeerError("an image came after its pull had ended")
        return None


def _is_of(one: Expected, uids: tuple[str, str]) -> bool:
    return uids[0] == one.study_uid and one.series_uid in ("", uids[1])


def _comes_from(one: Expected, title: str, address: str) -> bool:
    return one.title == title and address.partition("%")[0] in one.addresses


def _following(last: int) -> range:
    """Give numbers after the last one; there are never as many requests as numbers."""
    return range(1 if last >= _MOST_IDS // 2 else last + 1, _MOST_IDS + 1)


def _addresses(host: str) -> frozenset[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(str(entry[4][0]).partition("%")[0] for entry in found)
