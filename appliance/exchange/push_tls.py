"""TLS towards an archive: whom we trust, and who we say we are."""

from __future__ import annotations

import ssl
from pathlib import Path

from appliance.core import PacsNode, PeerError, SettingsError

__all__ = ["check_tls", "tls_args", "tls_context"]


def check_tls(where: str, node: PacsNode) -> None:
    """Refuse settings that make no sense together.

    Raises
    ------
    SettingsError
        With what to do.
    """
    if bool(node.cert_file) != bool(node.key_file):
        raise SettingsError(f"{where}: cert_file and key_file belong together", hint="Give both.")
    if node.tls and node.method == "web":
        raise SettingsError(f"{where}: tls is for DICOM", hint="Over DICOMweb, use an https url.")


def tls_context(node: PacsNode) -> ssl.SSLContext:
    """Give what a connection to an archive is secured with; TLS 1.2 at least.

    Raises
    ------
    PeerError
        If a certificate or key cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=_path(node.ca_file))
        if node.cert_file:
            context.load_cert_chain(_path(node.cert_file) or "", _path(node.key_file))
    except ssl.SSLError as error:
        raise PeerError(
            f"a certificate or key of the settings cannot be used ({error.reason})",
            hint="ca_file, cert_file and key_file are PEM files without a password.",
        ) from error
    except OSError as error:
        raise PeerError(f"cannot read {error.filename}: {error.strerror}") from error
    return context


def tls_args(node: PacsNode) -> tuple[ssl.SSLContext, str] | None:
    """Give how a DICOM connection to an archive is secured, and the name that it has to bear.

    Raises
    ------
    PeerError
        If a certificate or key cannot be read.
    """
    return (tls_context(node), node.tls_name or node.host) if node.tls else None


def _path(text: str) -> str | None:
    return str(Path(text).expanduser()) if text else None
