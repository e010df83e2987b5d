"""Notifications by webhook: one signed POST of JSON to the URL of the settings, and no other."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from appliance import __version__
from appliance.core import NotificationSettings, PeerError, SettingsError, iso
from appliance.upkeep.notifications.outside import GivenUp, Message, secret

if TYPE_CHECKING:
    import httpx

__all__ = ["check_webhook", "send_webhook", "signature"]

_FOR_NOW = frozenset({408, 425, 429})
_MOST_REDIRECTS = 3
_PORTS = {"http": 80, "https": 443}


def check_webhook(settings: NotificationSettings) -> None:
    """Look at the settings, not at the receiver.

    Raises
    ------
    SettingsError
        If the URL cannot be used, or the secret cannot be read.
    """
    try:
        parts = urlsplit(settings.webhook_url)
        usable = parts.scheme in _PORTS and parts.hostname and not parts.username
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(
            "notifications.webhook_url is no URL that can be used",
            hint="Write http:// or https://, without a user name.",
        )
    _secret(settings)


def signature(key: str, timestamp: str, body: bytes) -> str:
    """Sign a body: what a receiver computes and compares with ``X-Nora-Signature``."""
    digest = hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def send_webhook(settings: NotificationSettings, message: Message) -> None:
    """POST a message.

    Raises
    ------
    GivenUp, PeerError
        If the receiver refuses for good, or for now.
    """
    import httpx

    body = _body(message)
    url = settings.webhook_url
    # Without the environment: a proxy named there would be a connection nobody configured here.
    with httpx.Client(timeout=settings.timeout_s, trust_env=False) as http:
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                with http.stream(
                    "POST", url, content=body, headers=_headers(settings, message, body)
                ) as answer:
                    status, target = answer.status_code, _redirect(answer)
            except httpx.HTTPError as error:
                raise PeerError(
                    f"the webhook could not be reached ({type(error).__name__})",
                    hint="Check notifications.webhook_url and the network.",
                ) from error
            if not target:
                return _judge(status)
            url = _same_host(settings.webhook_url, target)
    raise GivenUp("the webhook was redirected too often")


def _body(message: Message) -> bytes:
    facts = {name: getattr(message, name) for name in message.__struct_fields__ if name != "to"}
    return msgspec.json.encode({"version": 1, **facts, "at": iso(message.at)})


def _headers(settings: NotificationSettings, message: Message, body: bytes) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"nora-appliance/{__version__}",
        "X-Nora-Delivery": message.key,
    }
    key = _secret(settings)
    if key:
        timestamp = str(int(time.time()))
        headers["X-Nora-Timestamp"] = timestamp
        headers["X-Nora-Signature"] = signature(key, timestamp, body)
    return headers


def _redirect(answer: httpx.Response) -> str:
    """Give where an answer sends us with the same request; other redirects are none."""
    if answer.status_code not in (307, 308) or "location" not in answer.headers:
        return ""
    return str(answer.url.join(answer.headers["location"]))


def _same_host(first: str, target: str) -> str:
    if _origin(first) != _origin(target):
        raise GivenUp(
            "the webhook was redirected to another host",
            hint="Set notifications.webhook_url to the final address, if it is to be trusted.",
        )
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    text = f"the webhook answered {status}"
    if status >= 500 or status in _FOR_NOW:
        raise PeerError(text, hint="The receiver has a fault; it is tried again.")
    raise GivenUp(text, hint="Check notifications.webhook_url, and the log of the receiver.")


def _secret(settings: NotificationSettings) -> str:
    return secret(settings.webhook_secret, settings.webhook_secret_file, "webhook_secret_file")
