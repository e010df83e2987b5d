"""One request to an archive that is under way, and how it is cancelled in good order.

PS3.7 9.3.2.3: a C-CANCEL asks the archive to end; it says so with its last answer. One that does
not listen is left after a while.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynetdicom.association import Association

__all__ = ["Request"]

_LOG = logging.getLogger(__name__)
_CANCEL_WITHIN_S = 5.0  # that an archive has to end what it was told to end


class Request:
    """What an association is for.

    Parameters
    ----------
    model : str
        Its SOP class; "" for what cannot be cancelled.
    number : int
        Its message ID.
    stopping : Event, optional
        Of whoever asked: set when no answer is wanted any more.
    pulls : bool
        Whether objects come.
    kinds : sequence of tuple of str
        What is to be agreed on in place of `model`: SOP classes, perhaps with a transfer syntax.

    Attributes
    ----------
    is_cancelled : bool
        Whether its answers matter no more.
    """

    def __init__(
        self,
        model: str,
        number: int = 1,
        *,
        stopping: threading.Event | None = None,
        pulls: bool = False,
        kinds: Sequence[tuple[str, ...]] = (),
    ) -> None:
        self.model, self.stopping, self.pulls = model, stopping, pulls
        self.kinds = kinds or [(model,)]
        self.is_cancelled = False
        self._number = number
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._is_sent = self._is_over = False

    def begin(self, association: Association) -> None:
        """It has been sent: from now on the archive can be told."""
        with self._lock:
            self._is_sent = True
            if self.is_cancelled:
                _tell(association, self.model, self._number)
        if self.stopping is not None and self.stopping.is_set():
            self.cancel(association)

    def cancel(self, association: Association, *, at_once: bool = False) -> None:
        """Tell the archive, and leave it if it does not end soon, or at once. Any thread may."""
        with self._lock:
            if self._is_over:
                return
            if self.model and self._is_sent and not self.is_cancelled:
                _tell(association, self.model, self._number)
            self.is_cancelled = True
            if not at_once and self._timer is None:
                self._timer = threading.Timer(_CANCEL_WITHIN_S, _wake, (association,))
                self._timer.daemon = True
                self._timer.start()
        if at_once:
            _wake(association)

    def end(self) -> None:
        """The last answer is here, or none comes any more."""
        with self._lock:
            self._is_over = True
            if self._timer is not None:
                self._timer.cancel()


def _tell(association: Association, model: str, number: int) -> None:
    try:
        association.send_c_cancel(number, query_model=model)
    except (RuntimeError, ValueError) as error:  # it left meanwhile, or takes no such requests
        _LOG.debug("nothing was cancelled: %s", error)


def _wake(association: Association) -> None:
    """Wake the thread that waits for the peer's next word; it takes that for silence, and aborts.

    It alone may abort: what it sends after an abort of somebody else's breaks the association.
    """
    nothing: tuple[Any, Any] = (None, None)
    association.dimse.msg_queue.put(nothing)
