"""The channels that leave the machine: whether each is configured, and sending by it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from appliance.core import ApplianceError, NotificationSettings, PeerError, SettingsError
from appliance.upkeep.notifications.kinds import OUTSIDE, Channel

__all__ = ["GivenUp", "Message", "ready_channels", "secret", "send", "trouble"]

_MOST_SECRET = 4096


class GivenUp(PeerError):
    """The other end has refused for good: trying again would not help."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, the same at every attempt.

    Attributes
    ----------
    key : str
        Of the delivery; a receiver that has seen it has the message already.
    to : str
        Address of the user.
    link : str
        Whole URL.
    """

    key: str
    kind: str
    level: str
    title: str
    text: str
    link: str
    n: int
    project: str | None
    user: str
    to: str
    at: int


def trouble(settings: NotificationSettings, channel: Channel) -> str | None:
    """Tell what is wrong with the settings of a channel: ``""`` nothing, None: it is off."""
    named = settings.smtp_host if channel == "email" else settings.webhook_url
    if not named:
        return None
    try:
        _check(settings, channel)
    except ApplianceError as error:
        return f"{error.message}. {error.hint}".strip()
    return ""


def ready_channels(settings: NotificationSettings) -> frozenset[Channel]:
    """Give the channels that can be used."""
    return frozenset(channel for channel in OUTSIDE if trouble(settings, channel) == "")


def send(settings: NotificationSettings, channel: Channel, message: Message) -> None:
    """Send a message now.

    Raises
    ------
    GivenUp
        If the other end refuses for good.
    PeerError
        If it does not answer, or refuses for now.
    SettingsError
        If the settings of the channel are wrong.
    """
    from appliance.upkeep.notifications.mail import send_email
    from appliance.upkeep.notifications.webhook import send_webhook

    _check(settings, channel)
    if channel == "email":
        send_email(settings, message)
    else:
        send_webhook(settings, message)


def secret(value: str, path: str, name: str) -> str:
    """Give a secret of the settings, or of the file that they name.

    Raises
    ------
    SettingsError
        If the file cannot be read, or others could read it.
    """
    if not path:
        return value
    try:
        facts = Path(path).stat()
        if facts.st_mode & 0o077 or facts.st_uid not in (os.geteuid(), 0):
            raise SettingsError(
                f"others may read {name}", hint=f"Make it readable for the service only: {path}."
            )
        with Path(path).open("r", encoding="utf-8") as stream:
            return stream.read(_MOST_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {name}", hint=f"Check the file {path}.") from error


def _check(settings: NotificationSettings, channel: Channel) -> None:
    from appliance.upkeep.notifications.mail import check_email
    from appliance.upkeep.notifications.webhook import check_webhook

    if channel == "email":
        check_email(settings)
    else:
        check_webhook(settings)
