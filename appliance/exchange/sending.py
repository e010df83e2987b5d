"""Sends DICOM files to another machine by C-STORE; what was not acknowledged goes again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.core import FormatError, PeerError

if TYPE_CHECKING:
    from pynetdicom import AE

__all__ = ["Peer", "send_objects"]

_ANSWER_WITHIN_S = 20.0
_TRIES = 3


class Peer(msgspec.Struct, frozen=True):
    """A machine that takes DICOM objects."""

    host: str
    port: int
    ae_title: str

    def __str__(self) -> str:
        return f"{self.ae_title} at {self.host}:{self.port}"


def send_objects(paths: Sequence[Path], to: Peer, *, ae_title: str = "NORA") -> None:
    """Send files, each until it is acknowledged.

    Parameters
    ----------
    paths : sequence of Path
        DICOM files.
    to : Peer
        Who gets them.
    ae_title : str
        How we call ourselves.

    Raises
    ------
    FormatError
        If a file is no DICOM object.
    PeerError
        If nobody answers there, or an object is refused or never acknowledged.
    """
    entity = _entity(paths, ae_title)
    waiting = list(paths)
    for _ in range(_TRIES):
        waiting = _send_some(entity, to, waiting)
        if not waiting:
            return
    raise PeerError(f"{to} did not acknowledge {waiting[0].name}")


def _entity(paths: Sequence[Path], ae_title: str) -> AE:
    """Ask for every kind of object in the form that it has."""
    from pynetdicom import AE

    entity = AE(ae_title)
    entity.dimse_timeout = _ANSWER_WITHIN_S
    for sop_class, syntax in sorted(_kinds(paths)):
        entity.add_requested_context(sop_class, syntax)
    return entity


def _kinds(paths: Sequence[Path]) -> set[tuple[str, str]]:
    """Give SOP class and transfer syntax of the objects in files."""
    from appliance.formats import DicomRecord, scan_dicom

    kinds = set()
    for found in scan_dicom(paths):
        if not isinstance(found, DicomRecord):
            raise FormatError(f"{found.path.name} cannot be sent: {found.message}")
        kinds.add((found.sop_class, found.transfer_syntax))
    return kinds


def _send_some(entity: AE, to: Peer, paths: list[Path]) -> list[Path]:
    """Send over one association and give back what it did not acknowledge."""
    association = entity.associate(to.host, to.port, ae_title=to.ae_title)
    if not association.is_established:
        raise PeerError(f"{to} does not answer", hint="Is its listener on, and are we let in?")
    for index, path in enumerate(paths):
        code = getattr(association.send_c_store(path), "Status", None)
        if code is None:  # no answer came; pynetdicom has ended the association
            return paths[index:]
        if code != 0:
            association.release()
            raise PeerError(f"{to} did not accept {path.name} (0x{code:04X})")
    association.release()
    return []
