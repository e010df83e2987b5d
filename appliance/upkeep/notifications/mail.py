"""Notifications by e-mail, over one SMTP connection each."""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from appliance.core import NotificationSettings, PeerError, SettingsError
from appliance.upkeep.notifications.outside import GivenUp, Message, secret
from appliance.upkeep.notifications.times import moment

__all__ = ["check_email", "send_email"]

_PORTS = {"starttls": 587, "ssl": 465, "plain": 25}
_FOOT = (
    "-- \nSent by the NORA appliance as you asked for e-mail. What you are told of, and how, is on"
    " the page Notifications."
)


def check_email(settings: NotificationSettings) -> None:
    """Look at the settings, not at the server.

    Raises
    ------
    SettingsError
        If they do not fit together.
    """
    if "@" not in parseaddr(settings.smtp_sender)[1]:
        raise SettingsError(
            "notifications.smtp_sender is no address", hint="Write the address e-mails come from."
        )
    if settings.smtp_user and settings.smtp_security == "plain" and not _is_local(settings):
        raise SettingsError(
            "the password of smtp_user would be sent in the open",
            hint="Set notifications.smtp_security to starttls or ssl.",
        )
    _password(settings)


def send_email(settings: NotificationSettings, message: Message) -> None:
    """Hand an e-mail to the mail server.

    Raises
    ------
    GivenUp, PeerError
        If the server refuses for good, or for now.
    """
    host = settings.smtp_host
    try:
        with _connect(settings) as server:
            if settings.smtp_user:
                server.login(settings.smtp_user, _password(settings))
            server.send_message(_compose(settings, message), to_addrs=[message.to])
    except smtplib.SMTPRecipientsRefused as error:
        code, why = next(iter(error.recipients.values()), (550, b""))
        raise _refusal(host, code, why, "Check the address in your preferences.") from error
    except smtplib.SMTPAuthenticationError as error:
        hint = "Check notifications.smtp_user and its password."
        raise _refusal(host, error.smtp_code, error.smtp_error, hint) from error
    except smtplib.SMTPResponseException as error:
        raise _refusal(host, error.smtp_code, error.smtp_error, "") from error
    except smtplib.SMTPNotSupportedError as error:
        hint = "Check notifications.smtp_security and smtp_user."
        raise GivenUp(f"the mail server {host} lacks what is asked for", hint=hint) from error
    except (OSError, smtplib.SMTPException) as error:
        raise PeerError(
            f"the mail server {host} could not be used ({_name(error)})",
            hint="Check notifications.smtp_host, smtp_port and smtp_security, and the network.",
        ) from error


def _connect(settings: NotificationSettings) -> smtplib.SMTP:
    kind = settings.smtp_security
    port = settings.smtp_port or _PORTS[kind]
    where, name = (settings.smtp_host, port), socket.gethostname()
    if kind == "ssl":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(
            *where, local_hostname=name, timeout=settings.timeout_s, context=context
        )
    server = smtplib.SMTP(*where, local_hostname=name, timeout=settings.timeout_s)
    try:
        if kind == "starttls":
            server.starttls(context=ssl.create_default_context())
    except BaseException:
        server.close()
        raise
    return server


def _compose(settings: NotificationSettings, message: Message) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = settings.smtp_sender
    mail["To"] = message.to
    mail["Subject"] = " ".join(f"[NORA] {message.title}".split())
    mail["Date"] = format_datetime(moment(message.at))
    host = parseaddr(settings.smtp_sender)[1].rpartition("@")[2]
    mail["Message-ID"] = f"<{message.key}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{message.title}\n\n{message.text}\n\n{message.link}\n\n{_FOOT}\n")
    return mail


def _password(settings: NotificationSettings) -> str:
    return secret(settings.smtp_password, settings.smtp_password_file, "smtp_password_file")


def _is_local(settings: NotificationSettings) -> bool:
    host = settings.smtp_host
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _refusal(host: str, code: int, why: bytes | str, hint: str) -> PeerError:
    """Read a refusal: from 500 on it is for good."""
    said = why.decode("utf-8", "replace") if isinstance(why, bytes) else why
    text = f"the mail server {host} refused: {code} {' '.join(said.split())[:200]}".strip()
    return GivenUp(text, hint=hint) if code >= 500 else PeerError(text, hint=hint)


def _name(error: BaseException) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
