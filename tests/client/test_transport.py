"""What the client loads before its first question."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from appliance.client.transport import _trust


@pytest.mark.parametrize(
    ("url", "socket"), [("http://127.0.0.1:8", None), ("http://localhost", Path("/run/nora"))]
)
def test_without_tls_no_list_of_authorities_is_loaded(url: str, socket: Path | None) -> None:
    trust = _trust(url, socket)
    assert isinstance(trust, ssl.SSLContext)
    assert trust.get_ca_certs() == []
    assert trust.verify_mode is ssl.CERT_REQUIRED  # nobody is believed unseen


def test_with_tls_the_usual_authorities_count() -> None:
    assert _trust("HTTPS://nora.example", None) is True
