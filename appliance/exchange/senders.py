"""Who may send to the DICOM listener, and which project receives it."""

from __future__ import annotations

import ipaddress

from appliance.core import DicomSettings, SettingsError
from appliance.exchange.association import Caller

__all__ = ["Senders"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Senders:
    """The lists of the settings.

    Parameters
    ----------
    dicom : DicomSettings
        With ``allow`` and ``routes``.

    Raises
    ------
    SettingsError
        If an entry cannot be understood, or anyone beyond this machine could send.
    """

    def __init__(self, dicom: DicomSettings) -> None:
        self._dicom = dicom
        self._allowed = [_parse(entry) for entry in dicom.allow]
        if not self._allowed and not _is_loopback(dicom.bind):
            raise SettingsError(
                f"the DICOM listener would accept anyone on {dicom.bind}",
                hint="List the allowed senders in dicom.allow, or set dicom.bind = '127.0.0.1'.",
            )

    def allow(self, caller: Caller) -> bool:
        """Tell whether somebody is on the list; without a list all are."""
        return not self._allowed or any(_fits(entry, caller) for entry in self._allowed)

    def project(self, caller: Caller) -> str:
        """Name the project that receives what somebody sends."""
        return next(
            (
                route.project
                for route in self._dicom.routes
                if route.calling in ("*", caller.calling) and route.called in ("*", caller.called)
            ),
            self._dicom.project,
        )


def _parse(entry: str) -> tuple[str, _Network | None]:
    """Read ``AET`` or ``AET@ADDRESS``; the address may be a network such as ``10.1.0.0/16``."""
    title, at, address = entry.partition("@")
    try:
        network = ipaddress.ip_network(address.strip(), strict=False) if at else None
    except ValueError as error:
        raise SettingsError(
            f"dicom.allow: {entry!r} names no address", hint="Write AET or AET@192.168.1.20."
        ) from error
    if not title.strip():
        raise SettingsError(f"dicom.allow: {entry!r} names no AE title", hint="'*' allows any.")
    return title.strip(), network


def _fits(entry: tuple[str, _Network | None], caller: Caller) -> bool:
    wanted, network = entry
    if wanted not in ("*", caller.calling):
        return False
    return network is None or ipaddress.ip_address(caller.address.partition("%")[0]) in network


def _is_loopback(bind: str) -> bool:
    try:
        return ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return bind == "localhost"
